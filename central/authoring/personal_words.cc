#include "central/authoring/personal_words.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/ascii.h"

namespace waybill::authoring {

namespace {

using namespace std::string_view_literals;

/// Anywhere in a name, whatever stands between its letters.
constexpr auto kParts = std::to_array<std::string_view>(
    {// English
     "birth", "firstname", "lastname", "surname", "givenname", "middlename", "maidenname",
     "fullname", "socialsecurity", "email", "phone", "mobile", "address", "street", "passport",
     "gender", "license", "licence", "nationality", "marital", "religion", "salary", "bankaccount",
     "taxid",
     // German
     "vorname", "nachname", "familienname", "geburt", "strasse", "hausnummer", "anschrift",
     "adresse", "telefon", "handy", "geschlecht", "steuernummer", "sozialversicherung", "ausweis",
     "anrede", "kontonummer",
     // French
     "prenom", "nomdefamille", "naissance", "courriel", "nationalite", "securitesociale",
     "comptebancaire",
     // Spanish
     "apellido", "nacimiento", "direccion", "correo", "domicilio", "pasaporte", "nacionalidad",
     "segurosocial"});

/// Too short to be looked for inside others: a "tel" is in every hotel.
constexpr auto kWords = std::to_array<std::string_view>(
    {"ssn", "dob", "iban", "tel",   "fax",   "mail", "cell",  "sex",   "sexe",   "sexo",
     "bsn", "nif", "dni",  "mobil", "movil", "rue",  "calle", "genre", "genero", "nin"});

/// The letter below an accent of U+00C0 to U+00FF in two octets; '\0': none.
char plain_letter(char second) {
  constexpr std::string_view kLetters =
      "aaaaaaaceeeeiiiidnooooo\0ouuuuy\0saaaaaaaceeeeiiiidnooooo\0ouuuuy\0y"sv;
  static_assert(kLetters.size() == 0x40);
  return kLetters[static_cast<unsigned char>(second) & 0x3FU];
}

/// The name's words in lower case, letters only, without accents: "fecha", "nacimiento".
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words(1);
  bool was_lower = false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char lower = to_ascii_lower(name[i]);
    if (is_ascii_lower(lower)) {
      // "birthDate" is two words.
      const bool is_upper = lower != name[i];
      if (is_upper && was_lower) words.emplace_back();
      words.back() += lower;
      was_lower = !is_upper;
    } else if (name[i] == '\xC3' && i + 1 < name.size() && plain_letter(name[i + 1]) != '\0') {
      const bool is_sharp_s = name[++i] == '\x9F';
      words.back() += is_sharp_s ? "ss" : std::string(1, plain_letter(name[i]));
      was_lower = true;
    } else {
      words.emplace_back();
      was_lower = false;
    }
  }
  return words;
}

}  // namespace

bool tells_of_person(std::string_view column_name) {
  std::string letters;
  for (const std::string& word : words_of(column_name)) {
    if (std::find(kWords.begin(), kWords.end(), word) != kWords.end()) return true;
    letters += word;
  }
  return std::any_of(kParts.begin(), kParts.end(), [&](std::string_view part) {
    return letters.find(part) != std::string::npos;
  });
}

}  // namespace waybill::authoring
