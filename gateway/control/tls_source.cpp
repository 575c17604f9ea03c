#include "gateway/control/tls_source.hpp"

#include <algorithm>
#include <ctime>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/paced_log.hpp"
#include "gateway/tls/certificates/certificate_faults.hpp"

namespace presenter::gateway {
namespace {

void log_warnings(const tls_load& loaded, log_pace& said) {
  for (const tls_mistake& warning : loaded.warnings)
    log_paced(said, spdlog::level::warn, "tls: {}", warning.text);
}

}  // namespace

// The watch comes first: a change while the files are being read is one.
tls_source::tls_source(boost::asio::io_context& control, const tls_config& settings)
    : settings_(settings),
      watch_(control, tls_paths_of(settings), settings.watch_interval, [this] { reload(); }) {
  const tls_load loaded = load_tls_files(settings, std::time(nullptr));
  if (!loaded.files) throw std::runtime_error(loaded.mistakes.front().text);
  log_warnings(loaded, warnings_said_);
  files_ = loaded.files;
}

void tls_source::start(publish publish) {
  publish_ = std::move(publish);
  tell_certificates("serving");
  watch_.start();
}

// No new file, however strange, is worth the gateway.
void tls_source::reload() {
  try {
    take_over_files();
  } catch (const std::exception& error) {
    refuse(error.what());
  }
}

void tls_source::take_over_files() {
  watch_.mark_seen();
  const std::time_t now = std::time(nullptr);
  const tls_load loaded = load_tls_files(settings_, now);
  if (!loaded.files) return refuse(loaded.mistakes.front().text);
  if (const auto why = why_worse(*files_, *loaded.files, now)) return refuse(*why);
  publish_(loaded.files);
  note_taken(loaded);
}

std::optional<std::string> tls_source::obstacle(const tls_files& next) const {
  return why_worse(*files_, next, std::time(nullptr));
}

void tls_source::change(const tls_load& loaded, file_watch::stamps seen) {
  note_taken(loaded);
  watch_.change(tls_paths_of(settings_), settings_.watch_interval, std::move(seen));
}

void tls_source::note_taken(const tls_load& loaded) {
  log_warnings(loaded, warnings_said_);
  for (const std::string& name : names_lost(*files_, *loaded.files))
    log_paced(warnings_said_, spdlog::level::warn, "tls: no certificate is left for '{}'", name);
  files_ = loaded.files;
  ++reloads_;
  tell_certificates("new clients get");
}

void tls_source::refuse(const std::string& why) {
  ++refusals_;
  log_paced(refusals_said_, spdlog::level::err,
            "tls: the files of [tls] are not taken over, the old ones stay: {}", why);
}

void tls_source::tell_certificates(const char* what) {
  const auto next =
      std::ranges::min_element(files_->pairs, {}, &certificate_pair::expires)->expires;
  const auto days = (next - std::time(nullptr)) / 86'400;
  log_paced(reloads_said_, spdlog::level::info,
            "tls: {} {} certificates for {} server names; the first expires in {} days", what,
            files_->pairs.size(), files_->names.size(), days);
}

certificate_facts tls_source::facts() const {
  certificate_facts facts;
  facts.reloads = reloads_;
  facts.refusals = refusals_;
  for (const certificate_pair& pair : files_->pairs) {
    facts.certificates.push_back(
        {pair.file, pair.names.empty() ? "" : pair.names.front(), pair.expires,
         pair.ocsp ? std::optional(pair.ocsp->next_update) : std::nullopt});
  }
  return facts;
}

}  // namespace presenter::gateway
