#include "gateway/client/client_records.hpp"

#include <fmt/format.h>

namespace presenter::gateway {
namespace {

void add_took(std::vector<log_field>& fields, std::string_view name, short_time took) {
  if (took.is_known()) fields.push_back(log_field::bare(name, std::to_string(took.milliseconds())));
}

void add_text(std::vector<log_field>& fields, std::string_view name, const std::string& text) {
  if (!text.empty()) fields.emplace_back(name, text);
}

}  // namespace

// What is not known is left out.
void append_fields(std::vector<log_field>& fields, const client_record& facts) {
  const auto number = [&](std::string_view name, const std::string& text) {
    fields.push_back(log_field::bare(name, text));
  };
  fields.emplace_back("tag", facts.tag);
  fields.emplace_back("address", facts.address);
  number("port", std::to_string(facts.port));
  if (facts.key_hash != 0) fields.emplace_back("key_hash", fmt::format("{:016x}", facts.key_hash));
  add_text(fields, "backend", facts.backend);
  add_took(fields, "handshake_ms", facts.handshake);
  add_took(fields, "opening_ms", facts.opening);
  number("seconds", fmt::format("{:.3f}", facts.seconds));
  number("idle_seconds", fmt::format("{:.1f}", facts.idle_seconds < 0 ? 0 : facts.idle_seconds));
  number("bytes_to_backend", std::to_string(facts.bytes_to_backend));
  number("bytes_to_client", std::to_string(facts.bytes_to_client));
  if (facts.tls.version.empty()) return;
  fields.emplace_back("tls_version", facts.tls.version);
  add_text(fields, "tls_suite", facts.tls.suite);
  add_text(fields, "server_name", facts.tls.server_name);
  add_text(fields, "alpn", facts.tls.alpn);
  if (!facts.tls.suite.empty()) number("resumed", facts.tls.resumed ? "true" : "false");
}

}  // namespace presenter::gateway
