#include "gateway/tls/certificates/tls_trials.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/tls/certificates/tls_setup.hpp"
#include "gateway/tls/certificates/trial_handshake.hpp"

namespace presenter::gateway {
namespace {

// Of clients' certificates: those that authorities hand out.
constexpr std::array client_curves{"P-256", "P-384"};

const char* name_of(int version) {
  return version == TLS1_3_VERSION ? "1.3" : "1.2";
}

std::string group_list(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ":"));
}

// How a kind of client gets through with one certificate.
struct outcome {
  bool is_passed = false;  // even the demanding one
  bool is_passed_by_some = false;
  std::string reason;  // of the first failure
};

outcome attempt(SSL_CTX* context, trial_client client, const tls_config& settings) {
  outcome result;
  const std::string groups = group_list(settings.curves);
  for (const auto strictness :
       {trial_strictness::today, trial_strictness::openssl, trial_strictness::lenient}) {
    client.strictness = strictness;
    std::string reason = try_handshake(context, client, groups);
    const bool is_first = strictness == trial_strictness::today;
    if (is_first) result.reason = reason;
    if (!reason.empty()) continue;
    result.is_passed = is_first;
    result.is_passed_by_some = true;
    return result;
  }
  return result;
}

class trials {
 public:
  trials(const tls_config& settings, const tls_files& files) : settings_(settings), files_(files) {
    if (!settings.requires_tls13) versions_.push_back(TLS1_2_VERSION);
    versions_.push_back(TLS1_3_VERSION);
  }

  std::vector<trial_finding> run(const std::vector<ssl_ctx_ptr>& contexts) {
    for (std::size_t i = 0; i < files_.sets.size(); ++i)
      try_set(contexts[i].get(), files_.sets[i]);
    const bool asks = settings_.client_certificate != client_certificates::none;
    const bool is_hopeless = std::ranges::any_of(found_, &trial_finding::is_mistake);
    if (asks && !is_hopeless) try_clients(contexts.front().get());
    return std::move(found_);
  }

 private:
  using set = std::vector<std::size_t>;

  void try_set(SSL_CTX* context, const set& all) {
    for (const std::size_t pair : all) {
      // In another set it is shown to the same clients.
      if (outcomes_.contains(pair)) continue;
      for (const int version : versions_)
        outcomes_[pair].push_back(attempt(context, client_of(pair, version), settings_));
    }
    for (const std::size_t pair : all)
      judge(all, pair);
  }

  void judge(const set& all, std::size_t pair) {
    std::vector<trial_finding> failed;
    for (std::size_t i = 0; i < versions_.size(); ++i) {
      const outcome& result = outcomes_[pair][i];
      // Of two that stand side by side each client is shown what it can verify.
      const bool is_spare = std::ranges::any_of(
          all, [&](std::size_t other) { return outcomes_[other][i].is_passed; });
      if (result.is_passed || (result.is_passed_by_some && is_spare)) continue;
      const std::string what = fmt::format("in TLS {} with '{}': {}", name_of(versions_[i]),
                                           files_.pairs[pair].file, result.reason);
      failed.push_back(
          finding(pair, blame(client_of(pair, versions_[i]), all, "certificate"), result, what));
    }
    report(std::move(failed), versions_.size());
  }

  // With certificates of their own; the default certificate does for all.
  void try_clients(SSL_CTX* context) {
    const set& all = files_.sets.front();
    std::vector<trial_finding> failed;
    for (const int version : versions_) {
      for (const char* curve : client_curves) {
        trial_client client = client_of(all.front(), version);
        client.curve = curve;
        const outcome result = attempt(context, client, settings_);
        if (result.is_passed) continue;
        const std::string what =
            fmt::format("in TLS {} with a certificate of {}, asked for by {} bytes of names: {}",
                        name_of(version), curve, authority_bytes(), result.reason);
        failed.push_back(finding(all.front(), blame(client, all, "client_ca"), result, what));
      }
    }
    report(std::move(failed), versions_.size() * client_curves.size());
  }

  trial_client client_of(std::size_t pair, int version) const {
    trial_client client;
    client.version = version;
    client.key_type = files_.pairs[pair].key_type;
    return client;
  }

  static trial_finding finding(std::size_t pair, std::string key, const outcome& result,
                               const std::string& what) {
    const char* const who =
        result.is_passed_by_some ? "clients of today (browsers, phones, Java)" : "clients";
    return {pair,
            {std::move(key), fmt::format("{} do not get through {}", who, what),
             !result.is_passed_by_some},
            false};
  }

  // RFC 8446 §4.2.4 has room for 65,535 bytes.
  std::size_t authority_bytes() const {
    std::size_t sum = 0;
    for (const x509_ptr& one : files_.client_authorities)
      sum += 2 + static_cast<std::size_t>(i2d_X509_NAME(X509_get_subject_name(one.get()), nullptr));
    return sum;
  }

  // If nobody at all gets through, it is a mistake, and told once.
  void report(std::vector<trial_finding> failed, std::size_t tried) {
    const bool is_mistake =
        failed.size() == tried &&
        std::ranges::all_of(failed, [](const trial_finding& one) { return one.fault.is_fatal; });
    if (is_mistake) failed.resize(1);
    for (trial_finding& one : failed) {
      one.is_mistake = is_mistake;
      const bool is_told = std::ranges::any_of(found_, [&](const trial_finding& other) {
        return other.pair == one.pair && other.fault.text == one.fault.text;
      });
      if (!is_told) found_.push_back(std::move(one));
    }
  }

  // The key without which the same client gets through; `otherwise` if there is none.
  std::string blame(const trial_client& client, const set& all, const char* otherwise) const {
    const tls_config usual;
    for (const char* key : {"curves", "suites_12", "suites_13"}) {
      tls_config changed = settings_;
      const std::string_view name = key;
      if (name == "curves") changed.curves = {"X25519", "P-256", "P-384", "P-521"};
      if (name == "suites_12") changed.suites_12 = usual.suites_12;
      if (name == "suites_13") changed.suites_13 = usual.suites_13;
      try {
        const ssl_ctx_ptr context = make_tls_setup(changed, files_, all);
        if (attempt(context.get(), client, changed).is_passed) return key;
      } catch (const std::runtime_error&) {
        // It is not this one alone.
      }
    }
    return otherwise;
  }

  const tls_config& settings_;
  const tls_files& files_;
  std::vector<int> versions_;
  std::map<std::size_t, std::vector<outcome>> outcomes_;  // of each pair, by version
  std::vector<trial_finding> found_;
};

}  // namespace

std::vector<trial_finding> run_tls_trials(const tls_config& settings, const tls_files& files,
                                          const std::vector<ssl_ctx_ptr>& contexts) {
  return trials(settings, files).run(contexts);
}

}  // namespace presenter::gateway
