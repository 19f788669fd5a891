# The programs that measure, and `make bench`. The Makefile includes this file.

BENCH_COMMON := $(addprefix bench/c/,bench.c histogram.c external.c pair.c)
BENCH_PROGRAMS := $(patsubst bench/c/%.c,$(BUILD)/bench/%,$(filter-out $(BENCH_COMMON),$(wildcard bench/c/*.c)))
QUICK ?=

$(BUILD)/obj/bench/%.o: bench/%.c $(BUILD)/flags
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROGRAM_CFLAGS) $(OPTIMIZE) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BENCH_PROGRAMS): $(BUILD)/bench/%: $(BUILD)/obj/bench/c/%.o $(BENCH_COMMON:%.c=$(BUILD)/obj/%.o)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PROGRAM_LIBS)

$(BUILD)/bench/empty.so: $(wildcard bench/empty/*.go)
	$(say) GO $@
	$(Q)mkdir -p $(@D)
	$(Q)CGO_ENABLED=1 $(GO) build -buildmode=c-shared -o $@ ./bench/empty

.PHONY: bench-c
bench-c: $(BENCH_PROGRAMS) $(BUILD)/bench/empty.so ## build the programs that measure

.PHONY: bench
bench: ## measure stock and library by turns: docs/PERFORMANCE.md; 15 minutes (QUICK=1: two)
	@scripts/install-packages.sh bench
	@$(MAKE) all tools bench-c
	@mkdir -p $(BUILD)/bin
	@$(GO) build -o $(BUILD)/bin/bench ./bench/run
	@$(BUILD)/bin/bench $(if $(filter-out 0,$(QUICK)),-quick) -library $(BUILD)/libsesscache.so \
	    -programs $(BUILD)/bench -tlsload $(BUILD)/tools/tlsload $(BENCH_FLAGS)
