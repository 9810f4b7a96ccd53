#include "core/error.h"

namespace waybill {

namespace {

std::string compose(const ErrorCode& code, std::string_view operation, std::string_view subject,
                    std::string_view cause) {
  std::string text;
  text.append(code.id).append(" ").append(code.name).append(": ").append(operation);
  if (!subject.empty()) text.append(" ").append(subject);
  if (!cause.empty()) text.append(": ").append(cause);
  return text;
}

}  // namespace

Error::Error(const ErrorCode& code, std::string_view operation, std::string_view subject,
             std::string_view cause)
    : std::runtime_error(compose(code, operation, subject, cause)),
      code_(&code),
      operation_(operation),
      subject_(subject),
      cause_(cause) {}

const ErrorCode* find_error_code(std::string_view id) {
  for (const ErrorCode* code : kErrorCodes) {
    if (code->id == id) return code;
  }
  return nullptr;
}

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kTransient:
      return "transient";
    case ErrorKind::kPermanent:
      return "permanent";
    case ErrorKind::kCorrupt:
      return "corrupt";
  }
  return "unknown";
}

}  // namespace waybill
