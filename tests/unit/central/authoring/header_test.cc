#include "central/authoring/header.h"

#include "tests/unit/central/authoring/samples.h"

using namespace waybill;
using namespace waybill::authoring;
using Catch::Matchers::Contains;

TEST_CASE("header: delimiters behind the last name make no column", "[central][authoring]") {
  Samples samples;
  const Learned learned =
      learn({samples.add("d.csv", "Domain,Town,,\nA.GOV,Lima,,\nB.GOV,Rome,,\n")});
  CHECK(learned.spec["header"] == true);
  CHECK(learned.spec["columns"].size() == 2);
  CHECK(learned.spec["other_columns"] == "ignore");
  CHECK_THAT(learned.evidence["unnamed_columns"].get<std::string>(),
             Contains("2 columns at the end"));
  CHECK(learned.evidence["trial"][0]["outcome"] == "accepted");
  CHECK(learned.evidence["trial"][0]["rows"] == 2);
  CHECK(learn({samples.add("t.csv", "Ann,Lima,\nBob,Rome,tall\n")}).spec["header"] == false);
}

TEST_CASE("header: a column behind the named ones that ever holds a value is not ignored",
          "[central][authoring]") {
  Samples samples;
  const Learned learned = learn({samples.add("d.csv", "id,name,\n1,a,\n2,b,MARKER\n")});
  CHECK_FALSE(learned.spec.contains("other_columns"));
  CHECK_THAT(learned.evidence["undecided"]["unnamed_columns"].get<std::string>(),
             Contains("1 column at the end"));
  CHECK_FALSE(learned.is_settled());
  CHECK_THAT(learned.evidence.dump(), !Contains("MARKER"));
  CHECK_FALSE(learn({samples.add("n.csv", "id,name,\n1,a,\n2,b,NULL\n")}).is_settled());
  CHECK(learn({samples.add("e.csv", "id,name,\n1,a,\n2,b,\n")}).is_settled());
  // Also where the first row has a value there, or the value is in a later sample.
  CHECK_FALSE(learn({samples.add("f.csv", "id,name,\n1,a,x\n2,b,\n")}).is_settled());
  CHECK_FALSE(
      learn({samples.add("g1.csv", "id,name,\n1,a,\n"), samples.add("g2.csv", "id,name,\n2,b,x\n")})
          .is_settled());
}

TEST_CASE("header: what stands above the header is told", "[central][authoring]") {
  Samples samples;
  const auto undecided_header = [&](const std::string& bytes) {
    const Learned learned = learn({samples.add("t.csv", bytes)});
    CHECK_FALSE(learned.is_settled());
    CHECK(learned.spec["columns"].size() == 3);
    CHECK(learned.spec["columns"][0]["name"] == "id");
    return learned.evidence["undecided"].value("header", "");
  };
  const std::string rows = "id,name,x\n1,n1,y\n2,n2,z\n3,n3,w\n";
  CHECK_THAT(undecided_header("Report,,\n,,\n" + rows), Contains("the first 2 records"));
  CHECK_THAT(undecided_header("Report of a night\n\n" + rows), Contains("the first record is"));
  CHECK_THAT(undecided_header("sep=,\n" + rows), Contains("the first record is"));
  CHECK_THAT(undecided_header(",,\n" + rows), Contains("the first record is"));
  CHECK_THAT(undecided_header("Report,of,2026-11-20\n" + rows), Contains("the first record is"));
  CHECK_THAT(undecided_header("sep=,\nid,name,x\na,n1,y\nb,n2,z\n"),
             Contains("the first record is"));
  // Lines without anything are no records.
  CHECK(learn({samples.add("b.csv", "\n\n" + rows)}).is_settled());
}

TEST_CASE("header: a first record that breaks the types below is no row", "[central][authoring]") {
  Samples samples;
  const auto undecided_header = [&](const std::string& names, bool has_header = true) {
    const Learned learned = learn({samples.add("h.csv", names + "\n1,n1,5\n2,n2,6\n3,n3,7\n")});
    CHECK(learned.spec["header"] == has_header);
    CHECK_FALSE(learned.is_settled());
    return learned.evidence["undecided"].value("header", "");
  };
  CHECK_THAT(undecided_header("id,,x"), Contains("is the header, but field 2 has no name"));
  CHECK_THAT(undecided_header("id,name,name"),
             Contains("is the header, but field 3 has the name of another"));
  CHECK_THAT(undecided_header("id,2024,2025"),
             Contains("the type that the rows below have in column 1") &&
                 Contains("field 2 is a number or a date"));
  CHECK_THAT(undecided_header("id,NULL,x"), Contains("field 2 is a word for null"));
  CHECK_THAT(undecided_header("id," + std::string(300, 'x') + ",y", false),
             Contains("field 2 is longer than 255 bytes"));
  // A damaged row below a header is no second header.
  CHECK(learn({samples.add("d.csv", "id,name,x\n?,n1,5\n2,n2,6\n3,n3,7\n")}).is_settled());
  // Rows alone have no header, however many their kinds.
  const Learned rows = learn({samples.add("r.csv", "1,n1,5\n2,,6\n3,n3,7\n")});
  CHECK(rows.spec["header"] == false);
  CHECK(rows.is_settled());
  const Learned people = learn({samples.add("p.csv", "Ann,a@x.example\nBob,b@x.example\n")});
  CHECK(people.spec["header"] == false);
}
