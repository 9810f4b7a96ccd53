#include "sync/http/untrusted_issuer.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

namespace waybill {

namespace {

constexpr std::size_t kNameMax = 200;  // what a stranger wrote into a certificate, in a message

struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

std::string name_of(const X509_NAME* name) {
  const std::unique_ptr<BIO, BioFree> text(BIO_new(BIO_s_mem()));
  if (!text || X509_NAME_print_ex(text.get(), name, 0, XN_FLAG_ONELINE) < 0) return "";
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(text.get(), &bytes);
  return {bytes, std::min(static_cast<std::size_t>(size), kNameMax)};
}

extern "C" int on_verified(int is_good, X509_STORE_CTX* store) {
  if (is_good != 0) return is_good;
  const void* held = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  auto* issuer = static_cast<std::string*>(
      SSL_CTX_get_app_data(SSL_get_SSL_CTX(static_cast<const SSL*>(held))));
  X509* certificate = X509_STORE_CTX_get_current_cert(store);
  try {
    if (issuer != nullptr && certificate != nullptr) {
      *issuer = name_of(X509_get_issuer_name(certificate));
    }
  } catch (...) {  // through C code no exception may go; the name stays unknown
    return is_good;
  }
  return is_good;
}

}  // namespace

void watch_issuers(void* ssl_context, std::string& issuer) {
  auto* context = static_cast<SSL_CTX*>(ssl_context);
  SSL_CTX_set_app_data(context, &issuer);
  SSL_CTX_set_verify(context, SSL_CTX_get_verify_mode(context), &on_verified);
}

}  // namespace waybill
