// PersonalWords: does the name of a column tell of a person?
//
// Place:    central/authoring; SpecLearner and SpecLint above.
// Rule:     names in English, German, French and Spanish; rather one column too many, as nobody
//           misses the words of a column that are not listed.
#pragma once

#include <string_view>

namespace waybill::authoring {

/// "First Name", "E-Mail", "Straße", "fecha_nacimiento", "CustomerSSN".
[[nodiscard]] bool tells_of_person(std::string_view column_name);

}  // namespace waybill::authoring
