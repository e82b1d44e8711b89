// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/cli/args.h"
#include "app/cli/console.h"
#include "elbo/tasks/config.h"

namespace elbo::cli {

/// What a verb is called with.
struct Call {
  std::vector<std::string> positionals;
  /// Flags that name keys of a run's configuration, for verbs that take them.
  ConfigLayer config{"command line", Value::table()};
  Console& console;
};

/// One command of the program. Its flags, --help, completion and the reference page come from its
/// listing.
struct Verb {
  std::string name;
  std::string usage;    ///< "DATA [-o RUN]"
  std::string summary;  ///< one line
  size_t min_positionals = 0, max_positionals = 0;
  bool takes_config = false;  ///< whether every key of a run's configuration is a flag too
  std::function<std::shared_ptr<Fields>()> options;
  std::function<int(const Value& options, Call& call)> run;
};

/// A verb whose options are a struct: `int run(const Options&, Call&)`.
template <class Options>
Verb make_verb(std::string name, std::string usage, std::string summary, size_t min_positionals,
               size_t max_positionals, bool takes_config, int (*run)(const Options&, Call&)) {
  Verb out{std::move(name),
           std::move(usage),
           std::move(summary),
           min_positionals,
           max_positionals,
           takes_config,
           {},
           {}};
  out.options = list_fields<Options>;
  out.run = [run](const Value& options, Call& call) {
    return run(read_options<Options>(options), call);
  };
  return out;
}

/// Every verb, in the order in which --help shows them.
const std::vector<Verb>& verbs();

/// Raised by the first SIGINT, SIGTERM, SIGUSR1 or SIGHUP (unless it is ignored); a second SIGINT
/// ends the program at once.
const std::atomic<bool>* stop_flag();

}  // namespace elbo::cli
