// Where the workers' certificates come from: the files of [tls], read at start, at SIGHUP and when
// they have changed. New ones are taken as a whole or not at all.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "gateway/config/config.hpp"
#include "gateway/operate/file_watch.hpp"
#include "gateway/operate/log.hpp"
#include "gateway/operate/metrics.hpp"
#include "gateway/tls/certificates/tls_files.hpp"

namespace presenter::gateway {

// Life: the server's. Confined to: the control thread.
class tls_source {
 public:
  // Gives the workers what new clients are to get. May throw std::runtime_error, and has then done
  // nothing.
  using publish = std::function<void(const tls_files_ptr&)>;

  // Throws std::runtime_error that names the file and the reason. `settings` outlives this, and
  // changes with change() only.
  tls_source(boost::asio::io_context& control, const tls_config& settings);

  const tls_files_ptr& current() const { return files_; }

  void start(publish publish);
  void stop() { watch_.stop(); }

  // If anything is wrong the old ones stay, and the log says why.
  void reload();

  // The old ones stay.
  void refuse(const std::string& why);

  // A new configuration's files have been read: why they are not to be taken, though they can be
  // used. Nothing: they may be.
  std::optional<std::string> obstacle(const tls_files& next) const;
  // They are the workers' now, and `settings` has changed. `seen`: see file_watch::change.
  void change(const tls_load& loaded, file_watch::stamps seen);

  certificate_facts facts() const;

 private:
  void take_over_files();
  void note_taken(const tls_load& loaded);
  void tell_certificates(const char* what);
  const tls_config& settings_;
  file_watch watch_;
  tls_files_ptr files_;
  publish publish_;
  std::uint64_t reloads_ = 0;
  std::uint64_t refusals_ = 0;
  log_pace warnings_said_{100};
  log_pace refusals_said_{10};
  log_pace reloads_said_{10};
};

}  // namespace presenter::gateway
