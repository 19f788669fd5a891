# Programs of tests beside those of conformance: for fuzzing, stress, faults and cost.
# The Makefile includes this file.

TSAN := $(BUILD)/tsan
STRESS := stress readers
FAULTS := signals children limits stacks
PROGRAM_COMMON := $(addprefix tests/c/,harness.c connect.c library.c)
FUZZTIME ?= 60s

# programs: those under directory $(1), with the further flags $(2) and sources $(3).
define programs
$(1)/tests/fuzz/drive: $(patsubst %.c,$(1)/obj/%.o,$(wildcard tests/fuzz/*.c) $(PROGRAM_COMMON) $(3))
$(STRESS:%=$(1)/tests/stress/%): $(1)/tests/stress/%: $(1)/obj/tests/c/stress/%.o \
    $(patsubst %.c,$(1)/obj/%.o,$(PROGRAM_COMMON) $(3))
$(FAULTS:%=$(1)/tests/faults/%): $(1)/tests/faults/%: $(1)/obj/tests/c/faults/%.o \
    $(patsubst %.c,$(1)/obj/%.o,$(PROGRAM_COMMON) $(3))
$(1)/tests/fuzz/drive $(STRESS:%=$(1)/tests/stress/%) $(FAULTS:%=$(1)/tests/faults/%):
	$$(say) LD $$@
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $(2) $$(LDFLAGS) -o $$@ $$^ $$(PROGRAM_LIBS)
endef
$(eval $(call programs,$(BUILD),,))
$(eval $(call programs,$(ASAN),$(SANITIZE),$(wildcard tests/asan/*.c)))
# It knows no fences: what index.c reads before one is atomic too, so it misses nothing there.
$(eval $(call variant,$(TSAN),-fno-lto -fsanitize=thread -Wno-tsan,))
$(eval $(call programs,$(TSAN),-fno-lto -fsanitize=thread,))

# What counts instructions, or looks at the heap, needs no sanitizer.
COST := cost places spread
$(COST:%=$(BUILD)/tests/cost/%): $(BUILD)/tests/cost/%: $(BUILD)/obj/tests/c/cost/%.o \
    $(patsubst %.c,$(BUILD)/obj/%.o,$(PROGRAM_COMMON))
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PROGRAM_LIBS)

# The shim with the fake core, its allocations led through the program.
ALLOC_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,tests/c/faults/alloc.c tests/c/shim/fake_core.c \
    tests/c/harness.c tests/c/connect.c $(SHIM_SOURCES))
$(BUILD)/obj/tests/c/shim/%.o: PROGRAM_CFLAGS += -Icshim
$(BUILD)/tests/faults/alloc: $(ALLOC_OBJECTS)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=strdup,--wrap=pthread_create \
	    -o $@ $^ $(PROGRAM_LIBS)

# ThreadSanitizer's runtime calls some of the C library's functions that the
# library stands in front of before it is ready itself; here it does not.
UNREADY := prlimit|prlimit64|setrlimit|setrlimit64|sigaction|signal
$(TSAN)/libsesscache.map: cshim/exports.list scripts/version-script.sh
	$(say) GEN $@
	$(Q)mkdir -p $(@D)
	$(Q)grep -vxE '$(UNREADY)' $< > $(TSAN)/exports.list
	$(Q)scripts/version-script.sh $(TSAN)/exports.list > $@

$(TSAN)/stress/libsesscache.so: $(patsubst %.c,$(TSAN)/obj/%.o,$(filter-out \
    cshim/entry_limit.c,$(SHIM_SOURCES))) $(BUILD)/core/sscore.o $(TSAN)/libsesscache.map \
    scripts/link.opts
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -fno-lto -fsanitize=thread $(LDFLAGS) @scripts/link.opts \
	    -Wl,--version-script=$(TSAN)/libsesscache.map -o $@ $(filter %.o,$^) -lpthread -ldl

tests-c: $(BUILD)/tests/fuzz/drive $(STRESS:%=$(BUILD)/tests/stress/%) $(BUILD)/tests/faults/alloc \
    $(COST:%=$(BUILD)/tests/cost/%) $(FAULTS:%=$(BUILD)/tests/faults/%) $(STRESS:%=$(TSAN)/tests/stress/%) \
    $(TSAN)/stress/libsesscache.so

.PHONY: fuzz
fuzz: all tests-c ## compare random calls on stock libssl and the library (FUZZTIME=60s)
	@$(GO) test -count=1 -v -timeout 0 ./tests/go/differential -run Random \
	    -args -for $(FUZZTIME) -seed 0

.PHONY: stress
stress: all tests-c ## eight threads on one context, plain and with ThreadSanitizer (60 s each)
	@$(GO) test -count=1 -v -timeout 0 ./tests/go/faults -run Stress -args -stress 60
