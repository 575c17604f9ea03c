// What the log records of a client. See: deploy/monitoring.md, Records of clients.
#include <chrono>
#include <string>
#include <vector>

#include "gateway/client/client_session.hpp"

namespace presenter::gateway {

// Once it has its reason.
void client_session::record_end(std::string_view cause) const {
  if (!context_.records.wants(number_)) return;
  context_.records.write("client closed", [&](std::vector<log_field>& fields) {
    const close_row& row = row_of(reason_);
    fields.emplace_back("reason", std::string(row.name));
    fields.emplace_back("fault", std::string(name_of(row.blame)));
    const std::string found = found_cause(reason_, cause);
    if (!found.empty()) fields.emplace_back("cause", found);
    append_fields(fields, facts_for_log());
  });
}

void client_session::record_presence() const {
  if (!context_.records.wants(number_)) return;
  context_.records.write("client open", [&](std::vector<log_field>& fields) {
    fields.emplace_back("phase", std::string(name_of(phase_)));
    append_fields(fields, facts_for_log());
  });
}

client_record client_session::facts_for_log() const {
  client_record facts{
      .tag = tag(),
      .address = peer_.address().to_string(),
      .port = peer_.port(),
      .backend = backend() == nullptr ? "" : backend()->name,
      .key_hash = ring_hash(),
      .handshake = handshake_took_,
      .opening = opening_took_,
      .seconds = age_seconds(),
      .idle_seconds =
          std::chrono::duration<double>(context_.deadlines.now() - idle_.since()).count(),
      .bytes_to_backend = traffic().sent,
      .bytes_to_client = traffic().received};
  if (const auto* tls = agreed()) facts.tls = *tls;
  if (facts.tls.version.empty() && opening_ != nullptr) facts.tls = opening_->tls_facts();
  if (facts.tls.version.empty() && tls_.has_begun() && handshake_took_.is_known())
    facts.tls = tls_.facts();
  return facts;
}

}  // namespace presenter::gateway
