#include "gateway/tls_source.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

namespace presenter::gateway {
namespace {

void log_warnings(const tls_load& loaded) {
  for (const tls_mistake& warning : loaded.warnings)
    spdlog::warn("tls: {}", warning.text);
}

// A certificate in force would give way to one that nobody accepts. One that has expired in force
// holds up no other.
const certificate_pair* find_worse(const tls_files& now, const tls_files& next, std::time_t time) {
  for (std::size_t i = 0; i < next.pairs.size(); ++i) {
    if (next.pairs[i].is_expired(time) && !now.pairs[i].is_expired(time)) return &next.pairs[i];
  }
  return nullptr;
}

}  // namespace

// The watch comes first: a change while the files are being read is one.
tls_source::tls_source(boost::asio::io_context& control, const tls_config& settings)
    : settings_(settings),
      watch_(control, tls_paths_of(settings), settings.watch_interval, [this] { reload(); }) {
  const tls_load loaded = load_tls_files(settings, std::time(nullptr));
  if (!loaded.files) throw std::runtime_error(loaded.mistakes.front().text);
  log_warnings(loaded);
  files_ = loaded.files;
}

void tls_source::start(publish publish) {
  publish_ = std::move(publish);
  tell("serving");
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
  if (const auto* worse = find_worse(*files_, *loaded.files, now))
    return refuse("'" + worse->file + "' has expired");
  publish_(loaded.files);
  log_warnings(loaded);
  files_ = loaded.files;
  ++reloads_;
  tell("new clients get");
}

void tls_source::refuse(const std::string& why) {
  ++refusals_;
  spdlog::error("tls: the files of [tls] are not taken over, the old ones stay: {}", why);
}

void tls_source::tell(const char* what) const {
  const auto next =
      std::ranges::min_element(files_->pairs, {}, &certificate_pair::not_after)->not_after;
  const auto days = (next - std::time(nullptr)) / 86'400;
  spdlog::info("tls: {} {} certificates for {} server names; the first expires in {} days", what,
               files_->pairs.size(), files_->names.size(), days);
}

certificate_facts tls_source::facts() const {
  certificate_facts facts;
  facts.reloads = reloads_;
  facts.refusals = refusals_;
  for (const certificate_pair& pair : files_->pairs) {
    facts.certificates.push_back(
        {pair.file, pair.names.empty() ? "" : pair.names.front(), pair.not_after,
         pair.ocsp ? std::optional(pair.ocsp->next_update) : std::nullopt});
  }
  return facts;
}

}  // namespace presenter::gateway
