# Build, test and installation of libsesscache. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VERSION := $(shell sed -n 's/^\#define SSC_VERSION "\(.*\)"/\1/p' cshim/ssc.h)

ifeq ($(origin CC),default)
CC := gcc
endif
GO ?= go
export GOFLAGS := -buildvcs=false $(GOFLAGS)

PREFIX ?= /usr/local
DESTDIR ?=

BUILD := build
ASAN := $(BUILD)/asan

# V=1 shows each command; otherwise one short line does.
ifdef V
Q :=
say = @:
else
Q := @
say = @printf '  %-8s%s\n'
endif

OPTIMIZE ?= -O2 -g
SANITIZE := -fno-lto -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SHIM_CFLAGS := @scripts/compile.opts -Iinclude -Icshim
# Programs use OpenSSL's headers, among them functions that 3.0 calls deprecated.
PROGRAM_CFLAGS := -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-deprecated-declarations \
    -pthread -Iinclude
PROGRAM_LIBS := -lssl -lcrypto -lpthread -ldl

SHIM_SOURCES := $(wildcard cshim/*.c)
TEST_SOURCES := $(wildcard tests/c/test_*.c)
TEST_COMMON := $(filter-out $(TEST_SOURCES),$(wildcard tests/c/*.c))
TEST_SUBJECTS := $(patsubst tests/c/test_%.c,%,$(TEST_SOURCES))
TLSLOAD_SOURCES := $(wildcard tools/tlsload*.c tools/tlsload/*.c)
EXAMPLES := $(patsubst examples/%/,%,$(sort $(dir $(wildcard examples/*/*.c))))
CORE_SOURCES := go.mod $(wildcard go.sum) scripts/go-core.sh $(wildcard cshim/*.h) \
    $(shell find capi gocore -name '*.go' ! -name '*_test.go')

.PHONY: all
all: $(BUILD)/libsesscache.so ## build build/libsesscache.so (the default)

.PHONY: tests-c
tests-c: $(TEST_SUBJECTS:%=$(BUILD)/tests/c/%) ## build the C conformance programs

.PHONY: tools
tools: $(BUILD)/tools/tlsload ## build build/tools/tlsload, the load generator

.PHONY: examples
examples: $(EXAMPLES:%=$(BUILD)/examples/%) ## build the programs of examples/

.PHONY: asan-build
asan-build: $(ASAN)/libsesscache.so $(TEST_SUBJECTS:%=$(ASAN)/tests/c/%)

.PHONY: FORCE
FORCE:

# A list file changes only when its content does, so that a source file which
# came or went, or another flag, leads to a new build.
define list_file
$(1): FORCE
	@mkdir -p $$(@D); printf '%s\n' $(2) | cmp -s - $$@ || printf '%s\n' $(2) > $$@
endef
$(eval $(call list_file,$(BUILD)/core/sources,$(CORE_SOURCES)))
$(eval $(call list_file,$(BUILD)/flags,$(CC) $(OPTIMIZE) $(SANITIZE) $(CFLAGS) $(LDFLAGS) $(SHIM_SOURCES) \
    $(TEST_COMMON) $(TLSLOAD_SOURCES) $(wildcard examples/*/*.c) $(wildcard bench/c/*.c)))

$(BUILD)/core/sscore.o: $(CORE_SOURCES) $(BUILD)/core/sources
	$(say) GO $@
	$(Q)scripts/go-core.sh $(@D)
	$(Q)touch $@

$(BUILD)/libsesscache.map: cshim/exports.list scripts/version-script.sh
	$(say) GEN $@
	$(Q)mkdir -p $(@D)
	$(Q)scripts/version-script.sh $< > $@

# variant: the shim, the library and the C tests under directory $(1), with the
# further flags $(2); the tests have the sources $(3) too. The Go objects are the
# same in each.
define variant
$(1)/obj/cshim/%.o: cshim/%.c scripts/compile.opts $(BUILD)/flags
	$$(say) CC $$@
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(SHIM_CFLAGS) $$(OPTIMIZE) $$(CFLAGS) $(2) -MMD -MP -c -o $$@ $$<

$(1)/obj/tests/%.o: tests/%.c $(BUILD)/flags
	$$(say) CC $$@
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(PROGRAM_CFLAGS) -Itests/c $$(OPTIMIZE) $$(CFLAGS) $(2) -MMD -MP -c -o $$@ $$<

$(1)/libsesscache.so: $(SHIM_SOURCES:%.c=$(1)/obj/%.o) $(BUILD)/core/sscore.o \
    $(BUILD)/libsesscache.map scripts/link.opts $(BUILD)/flags
	$$(say) LD $$@
	$$(Q)$$(CC) $(2) $$(LDFLAGS) @scripts/link.opts -Wl,--version-script=$(BUILD)/libsesscache.map \
	    -o $$@ $$(filter %.o,$$^) -lpthread -ldl

$(TEST_SUBJECTS:%=$(1)/tests/c/%): $(1)/tests/c/%: $(1)/obj/tests/c/test_%.o \
    $(patsubst %.c,$(1)/obj/%.o,$(TEST_COMMON) $(3))
	$$(say) LD $$@
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $(2) $$(LDFLAGS) -o $$@ $$^ $$(PROGRAM_LIBS)

-include $(wildcard $(1)/obj/*/*.d $(1)/obj/*/*/*.d)
endef
$(eval $(call variant,$(BUILD),,))
$(eval $(call variant,$(ASAN),$(SANITIZE),$(wildcard tests/asan/*.c)))

include tests/programs.mk
include bench/programs.mk

$(BUILD)/obj/tools/%.o: tools/%.c $(BUILD)/flags
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROGRAM_CFLAGS) -Itools $(OPTIMIZE) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tools/tlsload: $(TLSLOAD_SOURCES:%.c=$(BUILD)/obj/%.o)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PROGRAM_LIBS) -lm

$(BUILD)/obj/examples/%.o: examples/%.c $(BUILD)/flags
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROGRAM_CFLAGS) $(OPTIMIZE) $(CFLAGS) -MMD -MP -c -o $@ $<

# An example in the build tree finds the library beside it without installation.
define example
$(BUILD)/examples/$(1): $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard examples/$(1)/*.c)) \
    $(BUILD)/libsesscache.so
	$$(say) LD $$@
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) -L$(BUILD) -Wl,-rpath,'$$$$ORIGIN/..' \
	    -lsesscache -lssl -lcrypto -lpthread
endef
$(foreach name,$(EXAMPLES),$(eval $(call example,$(name))))

.PHONY: test
test: ## install what is missing, build, run every test; last line: N passed, N failed, N skipped
	@scripts/test.sh all

.PHONY: asan
asan: ## run the C conformance programs under Address- and UndefinedBehaviorSanitizer
	@scripts/test.sh asan

.PHONY: demo
demo: ## nginx with 4 workers under load, stock beside libsesscache, in one table
	@scripts/install-packages.sh demo
	@$(MAKE) all tools
	@mkdir -p $(BUILD)/bin
	@$(GO) build -o $(BUILD)/bin/sessdemo ./cmd/sessdemo
	@$(BUILD)/bin/sessdemo -library $(BUILD)/libsesscache.so -tlsload $(BUILD)/tools/tlsload \
	    $(DEMO_FLAGS)

SOAKTIME ?= 30m
SOAKSEED ?= 0

# CI=true: what is missing is an error, not a reason to skip.
.PHONY: soak
soak: ## kill workers and the Redis behind nginx under load, watch the memory (SOAKTIME=30m); as root
	@scripts/install-packages.sh test
	@$(MAKE) all tools
	@CI=true $(GO) test -count=1 -v -timeout 0 ./tests/go/servers -run '^TestSoak$$' \
	    -args -for $(SOAKTIME) -seed $(SOAKSEED)

.PHONY: install
install: all ## install library, header, pkg-config and CMake files (PREFIX=/usr/local DESTDIR=)
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/lib/cmake/sesscache \
	    $(DESTDIR)$(PREFIX)/include
	install -m 755 $(BUILD)/libsesscache.so $(DESTDIR)$(PREFIX)/lib/libsesscache.so
	install -m 644 include/openssl_sess.h $(DESTDIR)$(PREFIX)/include/openssl_sess.h
	sed -e 's|@prefix@|$(PREFIX)|' -e 's|@version@|$(VERSION)|' sesscache.pc.in \
	    > $(DESTDIR)$(PREFIX)/lib/pkgconfig/sesscache.pc
	install -m 644 cmake/sesscacheConfig.cmake $(DESTDIR)$(PREFIX)/lib/cmake/sesscache/
	sed -e 's|@version@|$(VERSION)|' cmake/sesscacheConfigVersion.cmake.in \
	    > $(DESTDIR)$(PREFIX)/lib/cmake/sesscache/sesscacheConfigVersion.cmake
	chmod 644 $(DESTDIR)$(PREFIX)/lib/pkgconfig/sesscache.pc \
	    $(DESTDIR)$(PREFIX)/lib/cmake/sesscache/sesscacheConfigVersion.cmake

.PHONY: matrix
matrix: ## every OpenSSL from 1.1.1 to 4.0, in Debian roots (made once): writes docs/MATRIX.md; needs root
	@scripts/install-packages.sh matrix
	@$(GO) run ./scripts/matrix

.PHONY: fmt
fmt: ## format C and Go sources
	@scripts/lint.sh fix

.PHONY: lint
lint: ## check format, go vet, staticcheck, length of files
	@scripts/lint.sh check

.PHONY: clean
clean: ## remove build/ and out/, but for the roots of `make matrix`
	$(Q)rm -rf out
	$(Q)[ ! -d $(BUILD) ] || find $(BUILD) -mindepth 1 -maxdepth 1 ! -name roots -exec rm -rf {} +

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "Variables: V=1 (show commands), CC, CFLAGS, LDFLAGS, OPTIMIZE, PREFIX, DESTDIR, DEMO_FLAGS, BENCH_FLAGS"
