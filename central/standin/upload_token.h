// Upload tokens: what lets a caller without any right of its own store one object.
//
// Place:    central/standin; the one check, for signed PUT and signed resumable uploads alike.
// Source:   JWT {"url": "bucket/key", "upsert": bool, "scope": "upload", "owner"?, "iat", "exp"},
//           signed with the project's secret: by mint_upload_token() or by the database.
// Units:    seconds since 1970 UTC.
// Errors:   StorageRefusal InvalidJWT or InvalidSignature; no message holds any part of a token.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "central/standin/object_rows.h"

namespace waybill::standin {

/// The claims of a token that allows `name` to be stored now; otherwise a refusal.
[[nodiscard]] nlohmann::json check_upload_token(const std::string& token, const ObjectName& name,
                                                const std::string& secret, std::int64_t now_s);

/// Does the token allow a PUT to replace an object?
[[nodiscard]] bool allows_overwrite(const nlohmann::json& claims);

/// Who owns what is stored with it; empty when nobody.
[[nodiscard]] std::string owner_of(const nlohmann::json& claims);

}  // namespace waybill::standin
