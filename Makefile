# The front door. `make help` lists what can be asked for.
SHELL := /bin/bash
BUILD := build/release
JOBS  := $(shell nproc)
ELBO  := $(BUILD)/app/cli/elbo
.DEFAULT_GOAL := help
.PHONY: help build demo test test-slow fidelity panel doctor-panel bench fuzz check format clean

help:            ## this list
	@grep -E '^[a-z-]+: .*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

$(BUILD)/build.ninja:
	@tools/setup.sh build
	@cmake --preset release

build: $(BUILD)/build.ninja  ## the program, with what it needs installed first
	@cmake --build $(BUILD) --target elbo -j $(JOBS)

demo: build      ## learn real MNIST in about a minute and write a report
	@$(ELBO) train mnist -o runs/demo --epochs 20

test: build      ## build and run every test but the slow ones
	@tools/setup.sh test
	@cmake --build $(BUILD) -j $(JOBS)
	@ctest --test-dir $(BUILD) -LE slow --output-on-failure -j $(JOBS)

test-slow: build ## the slow tests: many kills and resumes, published numbers
	@cmake --build $(BUILD) -j $(JOBS)
	@ctest --test-dir $(BUILD) -L slow --output-on-failure

fidelity: build  ## our numbers beside published ones, minutes
	@tools/fidelity.py $(ELBO)

panel: build     ## the defaults on many data sets beside simple models, minutes; kept in docs/panel.md
	@tools/panel.py $(ELBO) --write docs/panel.md

doctor-panel: build  ## what `elbo doctor` says of broken and good models, minutes; kept in docs/doctor.md
	@tools/doctor_panel.py $(ELBO) --write docs/doctor.md

bench: build     ## speed beside the peers, kept in docs/performance.md; BENCH="all --isa avx2" for more
	@bench/run.py $(BUILD) --csv bench/results.csv $(BENCH)
	@bench/write_docs.py

fuzz:            ## readers under ASan, UBSan and libFuzzer, 300 s each; SECONDS_EACH=20 for less
	@tools/setup.sh fuzz
	@tools/fuzz.sh $(or $(SECONDS_EACH),300)

check:           ## format and layers
	@tools/setup.sh test
	@tools/check_format.sh
	@tools/check_layers.py

format:          ## lay the sources out
	@git ls-files '*.h' '*.cpp' | xargs clang-format-14 -i

clean:           ## remove what was built; .deps/ stays
	@rm -rf build
