// Who signed a server's certificate that is not trusted: a gateway that inspects TLS names itself.
//
// Place:    sync/http, internal. Knows OpenSSL, so that libcurl's reason can be told with a name.
// Rule:     it only watches. What is trusted is decided by the verification alone.
#pragma once

#include <string>

namespace waybill {

/// For CURLOPT_SSL_CTX_FUNCTION: from now on a failed verification writes the name of the issuer
/// that is not trusted into `issuer`, which must outlive the connection.
void watch_issuers(void* ssl_context, std::string& issuer);

}  // namespace waybill
