// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "elbo/core/fields.h"

namespace elbo {

/// An options struct for members that have none.
struct NoOptions {
  void fields(Fields&) {}
};

/// What can be said about a member of a family without making it.
struct MemberInfo {
  std::string name;
  std::string summary;
  std::string source;               ///< paper or standard; may be empty
  std::function<Value()> defaults;  ///< the options and their defaults
  /// The listing of a fresh options object, alive as long as the pointer.
  std::function<std::shared_ptr<Fields>()> options;
};

/// A named list of interchangeable parts; lookup with helpful errors. The typed half is Family.
class FamilyInfo {
 public:
  FamilyInfo(std::string name, std::string summary)
      : name_(std::move(name)), summary_(std::move(summary)) {}
  virtual ~FamilyInfo() = default;
  const std::string& name() const { return name_; }        ///< singular: "likelihood"
  const std::string& summary() const { return summary_; }  ///< what a member of it is
  const std::vector<MemberInfo>& members() const { return members_; }
  std::vector<std::string> names() const;
  /// The index of a member; throws Error(Code::usage) "unknown likelihood 'x'; did you mean ...".
  size_t index_of(std::string_view name) const;
  /// The part with every option given as its own type: "400,200" becomes [400, 200]. Throws
  /// Error(Code::usage) unless the part names a member and its options are valid.
  Part checked(const Part& part) const;
  /// Lists another family's members here too, for checks and help.
  void add_members(const FamilyInfo& other) {
    members_.insert(members_.end(), other.members_.begin(), other.members_.end());
  }

 protected:
  std::vector<MemberInfo> members_;

 private:
  std::string name_, summary_;
};

/// A family whose members are made as `Product make(const Options&, Context...)`.
///
///     const Family<std::unique_ptr<Prior>, int64_t>& priors() {
///       static const auto family = [] {
///         Family<std::unique_ptr<Prior>, int64_t> f("prior", "what z is before x is seen");
///         f.row<NoOptions>("normal", "N(0, I)", "Kingma & Welling 2014", make_normal);
///         return f;
///       }();
///       return family;
///     }
template <class Product, class... Context>
class Family : public FamilyInfo {
 public:
  using FamilyInfo::FamilyInfo;

  template <class Options, class Make>
  Family& row(std::string name, std::string summary, std::string source, Make make) {
    members_.push_back({std::move(name), std::move(summary), std::move(source),
                        [] { return write_options(Options{}); }, list_fields<Options>});
    makers_.push_back([make](const Value& options, Context... context) -> Product {
      return make(read_options<Options>(options), context...);
    });
    return *this;
  }

  /// Throws Error(Code::usage) for an unknown type or option.
  Product make(const Part& part, Context... context) const {
    return makers_.at(index_of(part.type))(checked(part).options, context...);
  }

 private:
  std::vector<std::function<Product(const Value&, Context...)>> makers_;
};

}  // namespace elbo
