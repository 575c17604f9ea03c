#include "gateway/tls/certificates/tls_files.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "gateway/tls/certificates/certificate_chain.hpp"
#include "gateway/tls/certificates/certificate_faults.hpp"
#include "gateway/tls/certificates/tls_names.hpp"
#include "gateway/tls/certificates/tls_pem.hpp"
#include "gateway/tls/certificates/tls_setup.hpp"
#include "gateway/tls/certificates/tls_trials.hpp"

namespace presenter::gateway {
namespace {

struct names_deleter {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

// Addresses and what is no DNS name cannot be asked for.
std::vector<std::string> names_in(const X509* leaf) {
  std::vector<std::string> found;
  const std::unique_ptr<GENERAL_NAMES, names_deleter> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    const auto* const bytes = ASN1_STRING_get0_data(name->d.dNSName);
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName));
    auto pattern = server_name_pattern({reinterpret_cast<const char*>(bytes), size});
    if (pattern && std::ranges::find(found, *pattern) == found.end())
      found.push_back(std::move(*pattern));
  }
  return found;
}

// One reading of all files.
class loader {
 public:
  loader(const tls_config& settings, std::time_t now) : settings_(settings), now_(now) {}

  tls_load run() {
    for (auto& mistake : mistakes_in_tls_names(settings_))
      fail(0, std::move(mistake.key), std::move(mistake.text));
    read_pair(settings_, 0);
    for (std::size_t i = 0; i < settings_.certificates.size(); ++i)
      read_pair(settings_.certificates[i], i + 1);
    read_authorities();
    const bool is_whole = std::ranges::all_of(
        files_->pairs, [](const certificate_pair& pair) { return pair.leaf && pair.key; });
    if (is_whole && out_.mistakes.empty()) group();
    if (is_whole && out_.mistakes.empty()) try_out();
    warn_of_faults();
    if (is_whole && out_.mistakes.empty()) out_.files = files_;
    return std::move(out_);
  }

 private:
  void fail(std::size_t pair, std::string key, std::string text) {
    out_.mistakes.push_back({pair, std::move(key), std::move(text)});
  }
  void warn(std::size_t pair, std::string key, std::string text) {
    out_.warnings.push_back({pair, std::move(key), std::move(text)});
  }

  void read_pair(const certificate_config& from, std::size_t number) {
    certificate_pair& pair = files_->pairs.emplace_back();
    pair.file = from.certificate.string();
    if (!from.certificate.empty()) read_leaf(from, number, pair);
    if (!from.private_key.empty()) read_key(from, number, pair);
    if (!pair.leaf) return;
    read_names(from, number, pair);
    if (from.ocsp_response) read_ocsp(*from.ocsp_response, number, pair);
  }

  void read_leaf(const certificate_config& from, std::size_t number, certificate_pair& pair) {
    std::vector<x509_ptr> all;
    if (auto mistake = read_certificates(from.certificate, all); !mistake.empty())
      return fail(number, "certificate", std::move(mistake));
    pair.leaf = std::move(all.front());
    all.erase(all.begin());
    pair.chain = std::move(all);
    pair.expires = verify_chain(pair.leaf.get(), pair.chain, now_).expires;
    check_order(number, pair);
  }

  void read_key(const certificate_config& from, std::size_t number, certificate_pair& pair) {
    if (auto mistake = read_private_key(from.private_key, pair.key); !mistake.empty())
      return fail(number, "private_key", std::move(mistake));
    pair.key_type = EVP_PKEY_get_base_id(pair.key.get());
    const bool is_its = !pair.leaf || X509_check_private_key(pair.leaf.get(), pair.key.get()) == 1;
    ERR_clear_error();
    if (!is_its) return fail(number, "private_key", strangers(from, pair));
    std::error_code unknown;
    const auto mode = std::filesystem::status(from.private_key, unknown).permissions();
    if (!unknown && (mode & std::filesystem::perms::others_all) != std::filesystem::perms::none)
      warn(number, "private_key",
           fmt::format("'{}' is open to others, mode {:o}: chmod 600 or 640",
                       from.private_key.string(), static_cast<unsigned>(mode)));
  }

  // What is wrong with a key that is not the leaf's.
  static std::string strangers(const certificate_config& from, const certificate_pair& pair) {
    const bool is_lower = std::ranges::any_of(pair.chain, [&](const x509_ptr& one) {
      return X509_check_private_key(one.get(), pair.key.get()) == 1;
    });
    ERR_clear_error();
    return fmt::format(
        "'{}' is not the key of the first certificate in '{}'{}", from.private_key.string(),
        pair.file, is_lower ? ", but of a later one: the leaf comes first, then its issuers" : "");
  }

  // Clients of TLS 1.2 need not look for the next one: RFC 5246 §7.4.2.
  void check_order(std::size_t number, const certificate_pair& pair) {
    const X509* below = pair.leaf.get();
    for (const x509_ptr& issuer : pair.chain) {
      if (X509_NAME_cmp(X509_get_issuer_name(below), X509_get_subject_name(issuer.get())) != 0)
        return warn(number, "certificate",
                    fmt::format("the chain in '{}' is out of order: each certificate has to be "
                                "followed by its issuer's",
                                pair.file));
      below = issuer.get();
    }
  }

  void read_names(const certificate_config& from, std::size_t number, certificate_pair& pair) {
    if (from.names.empty()) pair.names = names_in(pair.leaf.get());
    if (from.names.empty() && pair.names.empty() && number != 0)
      fail(number, "names", fmt::format("'{}' has no DNS name: say which are its", pair.file));
    for (const std::string& text : from.names) {
      const auto pattern = server_name_pattern(text);
      if (!pattern) {
        fail(number, "names",
             fmt::format("'{}' is no name like 'chat.example' or '*.chat.example'", text));
        continue;
      }
      pair.names.push_back(*pattern);
    }
  }

  void read_ocsp(const std::filesystem::path& path, std::size_t number, certificate_pair& pair) {
    std::string der;
    if (auto mistake = read_tls_file(path, der); !mistake.empty())
      return fail(number, "ocsp_response", std::move(mistake));
    ocsp_response response;
    if (const auto mistake = read_ocsp_response(der, pair.leaf.get(), response); !mistake.empty())
      return fail(number, "ocsp_response", fmt::format("'{}' {}", path.string(), mistake));
    if (response.is_aged(now_))
      warn(number, "ocsp_response",
           fmt::format("'{}' has aged out on {} and is not stapled", path.string(),
                       date_of(response.next_update)));
    else if (!response.is_current(now_))
      warn(number, "ocsp_response",
           fmt::format("'{}' is of {} and is not stapled before", path.string(),
                       date_of(response.this_update)));
    pair.ocsp = std::move(response);
  }

  void read_authorities() {
    if (settings_.client_certificate == client_certificates::none || !settings_.client_ca) return;
    auto mistake = read_certificates(*settings_.client_ca, files_->client_authorities);
    if (!mistake.empty()) fail(0, "client_ca", std::move(mistake));
  }

  // The default pair comes last, so that for its own names it stands behind others of its type.
  void group() {
    std::map<std::string, std::vector<std::size_t>> of_name;
    for (std::size_t i = 1; i <= files_->pairs.size(); ++i) {
      const std::size_t number = i % files_->pairs.size();
      for (const std::string& name : files_->pairs[number].names)
        add_to(of_name[name], name, number);
    }
    files_->sets.push_back(default_set(of_name));
    for (auto& [name, set] : of_name)
      files_->names.add(name, number_of(set));
    if (settings_.strict_sni) check_strict();
  }

  // Clients get a certificate by its name alone.
  void check_strict() {
    const certificate_pair& first = files_->pairs.front();
    if (files_->names.size() == 0)
      fail(0, "strict_sni",
           fmt::format("refuses all clients: '{}' has no DNS name, and 'names' is not set",
                       first.file));
    else if (first.names.empty())
      warn(
          0, "certificate",
          fmt::format("'{}' has no DNS name and with 'strict_sni' is shown to nobody", first.file));
  }

  void add_to(std::vector<std::size_t>& set, const std::string& name, std::size_t number) {
    const auto same_type = std::ranges::find_if(set, [&](std::size_t other) {
      return files_->pairs[other].key_type == files_->pairs[number].key_type;
    });
    if (same_type == set.end()) return set.push_back(number);
    if (number == 0 || *same_type == number) return;
    fail(number, settings_.certificates[number - 1].names.empty() ? "certificate" : "names",
         fmt::format("'{}' is taken by '{}', which has a key of the same type", name,
                     files_->pairs[*same_type].file));
  }

  // With those that stand beside it at its first name.
  std::vector<std::size_t> default_set(
      const std::map<std::string, std::vector<std::size_t>>& of_name) const {
    const auto& names = files_->pairs.front().names;
    if (names.empty()) return {0};
    const auto& set = of_name.at(names.front());
    return std::ranges::find(set, 0U) == set.end() ? std::vector<std::size_t>{0} : set;
  }

  std::size_t number_of(const std::vector<std::size_t>& set) {
    const auto found = std::ranges::find(files_->sets, set);
    const auto number = static_cast<std::size_t>(found - files_->sets.begin());
    if (found == files_->sets.end()) files_->sets.push_back(set);
    return number;
  }

  // What OpenSSL has against it, a key too short for its security level and so on; then what
  // clients have.
  void try_out() {
    std::vector<ssl_ctx_ptr> contexts;
    for (const auto& set : files_->sets) {
      try {
        contexts.push_back(make_tls_setup(settings_, *files_, set));
      } catch (const std::runtime_error& error) {
        return fail(set.front(), "", error.what());
      }
    }
    for (const trial_finding& finding : run_tls_trials(settings_, *files_, contexts)) {
      const certificate_fault& fault = finding.fault;
      if (finding.is_mistake)
        fail(table_of(fault, finding.pair), fault.key, fault.text);
      else
        files_->pairs[finding.pair].trial_faults.push_back(fault);
    }
  }

  void warn_of_faults() {
    for (std::size_t i = 0; i < files_->pairs.size(); ++i) {
      if (!files_->pairs[i].leaf) continue;
      for (const certificate_fault& fault : faults_of(files_->pairs[i], now_))
        warn(table_of(fault, i), fault.key, fault.text);
    }
  }

  // Keys that no pair has are [tls]'s own.
  static std::size_t table_of(const certificate_fault& fault, std::size_t pair) {
    const bool is_pairs =
        fault.key == "certificate" || fault.key == "names" || fault.key == "ocsp_response";
    return is_pairs ? pair : 0;
  }

  const tls_config& settings_;
  const std::time_t now_;
  std::shared_ptr<tls_files> files_ = std::make_shared<tls_files>();
  tls_load out_;
};

}  // namespace

tls_load load_tls_files(const tls_config& settings, std::time_t now) {
  return loader(settings, now).run();
}

std::vector<std::filesystem::path> tls_paths_of(const tls_config& settings) {
  std::vector<std::filesystem::path> paths;
  const auto add = [&](const certificate_config& pair) {
    paths.insert(paths.end(), {pair.certificate, pair.private_key});
    if (pair.ocsp_response) paths.push_back(*pair.ocsp_response);
  };
  add(settings);
  for (const auto& pair : settings.certificates)
    add(pair);
  if (settings.client_ca) paths.push_back(*settings.client_ca);
  return paths;
}

}  // namespace presenter::gateway
