#include "gateway/balance/file_publisher.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cmath>
#include <system_error>
#include <utility>

#include "base/replaced_file.hpp"
#include "gateway/balance/dns_changes.hpp"

namespace presenter::gateway {
namespace {

int file_weight_of(double weight) {
  return std::clamp(static_cast<int>(std::lround(weight * file_weight_even)), 1, 255);
}

publish_result unwritable(const std::filesystem::path& path, const std::string& why) {
  return {.error = publish_errc::unwritable,
          .text = fmt::format("{} cannot be written: {}", path.string(), why),
          .retry_after = {},
          .changed = 0};
}

}  // namespace

std::string weight_file_text(const dns_state& state) {
  std::string text = fmt::format(
      "# Weights of gateways, {} for an even share. presenter replaces this file: do not edit it.\n"
      "# ttl {}\n{}\n",
      file_weight_even, state.ttl.count(), state.record_name);
  const std::string* gateway = nullptr;
  for (const dns_record& each : state.records) {
    if (gateway == nullptr || *gateway != each.name_of_gateway)
      text += fmt::format("# gateway {}\n", each.name_of_gateway);
    gateway = &each.name_of_gateway;
    text += fmt::format("{} {}\n", each.address.to_string(), file_weight_of(each.weight));
  }
  return text;
}

file_publisher::file_publisher(boost::asio::io_context& control, std::filesystem::path file)
    : control_(control), file_(std::move(file)) {}

void file_publisher::publish(const dns_state& desired, handler done) {
  boost::asio::post(
      control_, life_.bind([result = write(desired), done = std::move(done)] { done(result); }));
}

void file_publisher::check(handler done) {
  boost::asio::post(
      control_, life_.bind([result = find_obstacle(), done = std::move(done)] { done(result); }));
}

publish_result file_publisher::write(const dns_state& desired) {
  const std::size_t changed = count_changes(published_.value_or(dns_state()), desired);
  if (const auto failed = replace_file(file_, weight_file_text(desired), file_readers::all)) {
    published_.reset();
    return unwritable(file_, failed.message());
  }
  published_ = desired;
  return {.error = publish_errc::ok, .text = {}, .retry_after = {}, .changed = changed};
}

// The file is made beside the old one, so it is the folder that counts.
publish_result file_publisher::find_obstacle() const {
  const std::filesystem::path folder = file_.has_parent_path() ? file_.parent_path() : ".";
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return unwritable(folder, std::generic_category().message(errno));
  std::error_code ignored;
  if (std::filesystem::is_directory(file_, ignored)) return unwritable(file_, "it is a folder");
  return {};
}

}  // namespace presenter::gateway
