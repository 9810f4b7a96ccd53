#include "central/standin/rpc_function.h"

#include <nlohmann/json.hpp>

#include "central/standin/rest_error.h"

namespace waybill::standin {

namespace {

// Every function of the name, with its arguments and what it returns. OUT arguments make a
// composite result even when there is only one.
constexpr const char* kFindFunctions = R"sql(
  SELECT json_build_object(
           'arguments', (
             SELECT coalesce(json_agg(json_build_object('name', coalesce(p.proargnames[i], ''),
                                                        'type', format_type(types[i], NULL),
                                                        'mode', coalesce(p.proargmodes[i]::text, 'i'))
                                      ORDER BY i), '[]')
               FROM generate_subscripts(types, 1) AS i),
           'defaults', p.pronargdefaults,
           'returns_set', p.proretset,
           'is_volatile', p.provolatile = 'v',
           'is_void', p.prorettype = 'void'::regtype,
           'is_composite', coalesce(p.proargmodes && '{o,b,t}'::"char"[], false)
                           OR t.typtype = 'c'
                           OR (t.typtype = 'd' AND b.typtype = 'c'))
    FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_type t ON t.oid = p.prorettype
    LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
   CROSS JOIN LATERAL (SELECT coalesce(p.proallargtypes, string_to_array(p.proargtypes::text, ' ')::oid[])) AS a (types)
   WHERE n.nspname = $1 AND p.proname = $2 AND p.prokind = 'f'
)sql";

RpcFunction read_function(const nlohmann::json& row, const std::string& schema,
                          const std::string& name) {
  RpcFunction out;
  out.schema = schema;
  out.name = name;
  for (const nlohmann::json& argument : row.at("arguments")) {
    const std::string mode = argument.at("mode");
    if (mode != "i" && mode != "b" && mode != "v") continue;
    out.arguments.push_back(
        {.name = argument.at("name"), .type = argument.at("type"), .is_required = true});
  }
  const auto defaults = row.at("defaults").get<std::size_t>();
  for (std::size_t i = 0; i < defaults && i < out.arguments.size(); ++i) {
    out.arguments[out.arguments.size() - 1 - i].is_required = false;
  }
  out.returns_set = row.at("returns_set");
  out.is_volatile = row.at("is_volatile");
  out.result = row.at("is_void")        ? RpcFunction::Result::kVoid
               : row.at("is_composite") ? RpcFunction::Result::kComposite
                                        : RpcFunction::Result::kScalar;
  out.takes_whole_body = out.arguments.size() == 1 && out.arguments[0].name.empty() &&
                         (out.arguments[0].type == "json" || out.arguments[0].type == "jsonb");
  return out;
}

bool takes(const RpcFunction& function, const std::set<std::string>& given) {
  std::size_t matched = 0;
  for (const RpcFunction::Argument& argument : function.arguments) {
    const bool is_given = !argument.name.empty() && given.contains(argument.name);
    if (argument.is_required && !is_given) return false;
    if (is_given) ++matched;
  }
  return matched == given.size();
}

std::string joined(const std::set<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

[[noreturn]] void refuse_unknown(const std::string& schema, const std::string& name,
                                 const std::set<std::string>& given, bool may_take_body,
                                 bool name_is_known) {
  const std::string function = schema + "." + name;
  const std::string with = given.empty()       ? " without parameters"
                           : given.size() == 1 ? " with parameter " + joined(given)
                                               : " with parameters " + joined(given);
  const std::string call =
      given.empty() ? function + " without parameters" : function + "(" + joined(given) + ")";
  refuse_rest({.status = 404,
               .code = "PGRST202",
               .message = "Could not find the function " + call + " in the schema cache",
               .details = "Searched for the function " + function + with +
                          (may_take_body ? " or with a single unnamed json/jsonb parameter" : "") +
                          ", but no matches were found in the schema cache.",
               .hint = name_is_known
                           ? nlohmann::json("A function of this name takes other parameters.")
                           : nlohmann::json(nullptr)});
}

}  // namespace

RpcFunction find_function(pg::Connection& connection, const std::string& schema,
                          const std::string& name, const std::set<std::string>& given,
                          bool may_take_body) {
  const pg::Result rows = connection.exec_prepared(kFindFunctions, {schema, name});
  std::vector<RpcFunction> by_name;
  std::vector<RpcFunction> by_body;
  for (int i = 0; i < rows.rows(); ++i) {
    RpcFunction function = read_function(nlohmann::json::parse(rows.text(i, 0)), schema, name);
    if (function.takes_whole_body && may_take_body) {
      by_body.push_back(std::move(function));
    } else if (takes(function, given)) {
      function.takes_whole_body = false;
      by_name.push_back(std::move(function));
    }
  }
  std::vector<RpcFunction>& found = by_name.empty() ? by_body : by_name;
  if (found.empty()) refuse_unknown(schema, name, given, may_take_body, !rows.empty());
  if (found.size() > 1) {
    refuse_rest({.status = 300,
                 .code = "PGRST203",
                 .message = "Could not choose the best candidate function between several of the "
                            "name " +
                            schema + "." + name,
                 .hint = "Give the functions different names or different parameter names."});
  }
  return std::move(found.front());
}

std::string RpcFunction::call_sql(const pg::Connection& connection,
                                  const std::set<std::string>& given) const {
  std::string columns;  // "name" type, ... of json_to_record
  std::string passed;   // "name" := waybill_given."name", ...
  for (const Argument& argument : arguments) {
    if (takes_whole_body || !given.contains(argument.name)) continue;
    const std::string quoted = connection.quote_identifier(argument.name);
    columns += (columns.empty() ? "" : ", ") + quoted + " " + argument.type;
    passed += (passed.empty() ? "" : ", ") + quoted + " := waybill_given." + quoted;
  }
  std::string source;
  if (takes_whole_body) {
    passed = "$1::" + arguments[0].type;
  } else if (columns.empty()) {
    source = "(SELECT $1::json) AS waybill_nothing, ";
  } else {
    source = "json_to_record($1::json) AS waybill_given(" + columns + "), ";
  }
  const std::string call = source + "LATERAL " + connection.quote_identifier(schema) + "." +
                           connection.quote_identifier(name) + "(" + passed + ")";
  switch (result) {
    case Result::kVoid:
      return "SELECT count(*), '' FROM " + call + " AS waybill_result";
    case Result::kScalar:
      return "SELECT count(*), coalesce(" +
             std::string(returns_set ? "json_agg(waybill_value), '[]'"
                                     : "json_agg(waybill_value)->0, 'null'") +
             ") FROM " + call + " AS waybill_result(waybill_value)";
    case Result::kComposite:
      return "SELECT count(*), coalesce(" +
             std::string(returns_set ? "json_agg(waybill_row), '[]'"
                                     : "json_agg(waybill_row)->0, 'null'") +
             ") FROM (SELECT waybill_result.* FROM " + call + " AS waybill_result) AS waybill_row";
  }
  return {};
}

}  // namespace waybill::standin
