// Error: the one exception that crosses a folder's border.
//
// Place:    core; thrown everywhere, caught where something can be done about it.
// Owner:    core/error_code.h lists the codes; nothing else may invent one.
// Errors:   what() names the operation, its subject and the cause. It reaches logs, the ledger,
//           the status page and the central registry, so it never holds a token, a signed URL, a
//           row value or file content.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "core/error_code.h"

namespace waybill {

/// A failure that the step which met it cannot handle.
///
/// `operation` is what was being done ("open ledger"), `subject` what it was done to (a path, a
/// job_file), `cause` why it failed in words for a person. The code carries kind and way out.
class Error : public std::runtime_error {
 public:
  Error(const ErrorCode& code, std::string_view operation, std::string_view subject,
        std::string_view cause);

  [[nodiscard]] const ErrorCode& code() const { return *code_; }
  [[nodiscard]] ErrorKind kind() const { return code_->kind; }
  [[nodiscard]] bool is_transient() const { return code_->kind == ErrorKind::kTransient; }
  [[nodiscard]] const std::string& operation() const { return operation_; }
  [[nodiscard]] const std::string& subject() const { return subject_; }
  [[nodiscard]] const std::string& cause() const { return cause_; }

 private:
  const ErrorCode* code_;
  std::string operation_;
  std::string subject_;
  std::string cause_;
};

}  // namespace waybill
