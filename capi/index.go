package main

/*
#include <stddef.h>
#include "index.h"

enum {
    index_size = sizeof(struct ssc_index),
    index_lines = offsetof(struct ssc_index, lines),
    index_splits = offsetof(struct ssc_index, splits),
    index_space = offsetof(struct ssc_index, space),
    index_stamps = offsetof(struct ssc_index, stamps),
    index_stamp_mask = offsetof(struct ssc_index, stamp_mask),
    index_line_chunks = offsetof(struct ssc_index, line_chunks),
    index_overflow_chunks = offsetof(struct ssc_index, overflow_chunks),
    index_entry_chunks = offsetof(struct ssc_index, entry_chunks),
    index_earliest = offsetof(struct ssc_index, earliest),
    index_capacity = offsetof(struct ssc_index, capacity),
    index_used = offsetof(struct ssc_index, used),
    index_settling = offsetof(struct ssc_index, settling),
    index_notes = offsetof(struct ssc_index, notes),
    index_owed = offsetof(struct ssc_index, owed),
    index_lanes = offsetof(struct ssc_index, lane),
    lanes_size = sizeof(((struct ssc_index *)0)->lane),
    index_retiring = offsetof(struct ssc_index, retiring),
    index_retired = offsetof(struct ssc_index, retired),
    index_retired_head = offsetof(struct ssc_index, retired[1].head),
    index_spill = offsetof(struct ssc_index, spill),
    index_added = offsetof(struct ssc_index, added),
    index_added_head = offsetof(struct ssc_index, added.head),
    ring_spilled = offsetof(struct ssc_index_ring, spilled),
    ring_spill_from = offsetof(struct ssc_index_ring, spill_from),
    ring_withdrawn = offsetof(struct ssc_index_ring, withdrawn),
    ring_taking = offsetof(struct ssc_index_ring, taking),
    notes_size = sizeof(struct ssc_index_notes),
    notes_added = offsetof(struct ssc_index_notes, added),
    notes_retired = offsetof(struct ssc_index_notes, retired),
    spill_size = sizeof(struct ssc_index_spill),
    spill_retired = offsetof(struct ssc_index_spill, retired),
    marks = SSC_INDEX_MARKS,
    added_room = SSC_INDEX_ADDED,
    retired_room = SSC_INDEX_RETIRED,
    spill_room = SSC_INDEX_SPILLED,
    noted_size = sizeof(struct ssc_index_noted),
    noted_kind = offsetof(struct ssc_index_noted, kind),
    noted_before = offsetof(struct ssc_index_noted, before),
    noted_ref = offsetof(struct ssc_index_noted, ref),
    noted_object = offsetof(struct ssc_index_noted, object),
    noted_expiry = offsetof(struct ssc_index_noted, expiry),
    line_size = sizeof(struct ssc_index_line),
    line_more = offsetof(struct ssc_index_line, more),
    entry_size = sizeof(struct ssc_index_entry),
    entry_kind = offsetof(struct ssc_index_entry, kind),
    entry_stamp = offsetof(struct ssc_index_entry, stamp),
    entry_ref = offsetof(struct ssc_index_entry, ref),
    entry_sequence = offsetof(struct ssc_index_entry, sequence),
    key_size = sizeof(sscore_key),
    key_version = offsetof(sscore_key, version),
    key_len = offsetof(sscore_key, id_len),
};
*/
import "C"

import (
	"unsafe"

	"github.com/libsesscache/libsesscache/gocore/cache"
)

// C reads what the table writes. Where cshim/index.h differs from
// gocore/cache/head.go an index below is not 0, which does not compile.
var (
	same  [1]struct{}
	head  cache.Head
	notes cache.Notes
	spill cache.Spill
	noted cache.Noted
	ring  cache.Ring
	line  cache.Line
	entry cache.Entry

	_ = same[unsafe.Sizeof(head)-C.index_size]
	_ = same[unsafe.Offsetof(head.Lines)-C.index_lines]
	_ = same[unsafe.Offsetof(head.Splits)-C.index_splits]
	_ = same[unsafe.Offsetof(head.Space)-C.index_space]
	_ = same[unsafe.Offsetof(head.Stamps)-C.index_stamps]
	_ = same[unsafe.Offsetof(head.StampMask)-C.index_stamp_mask]
	_ = same[unsafe.Offsetof(head.LineChunks)-C.index_line_chunks]
	_ = same[unsafe.Offsetof(head.OverflowChunks)-C.index_overflow_chunks]
	_ = same[unsafe.Offsetof(head.EntryChunks)-C.index_entry_chunks]
	_ = same[unsafe.Offsetof(head.Earliest)-C.index_earliest]
	_ = same[unsafe.Offsetof(head.Capacity)-C.index_capacity]
	_ = same[unsafe.Offsetof(head.Used)-C.index_used]
	_ = same[unsafe.Offsetof(head.Settling)-C.index_settling]
	_ = same[unsafe.Offsetof(head.Notes)-C.index_notes]
	_ = same[unsafe.Offsetof(head.Owed)-C.index_owed]
	_ = same[unsafe.Offsetof(head.Lanes)-C.index_lanes]
	_ = same[unsafe.Sizeof(head.Lanes)-C.lanes_size]
	_ = same[unsafe.Offsetof(head.Retiring)-C.index_retiring]
	_ = same[unsafe.Offsetof(head.Retired)-C.index_retired]
	_ = same[unsafe.Offsetof(head.Retired)+unsafe.Sizeof(ring)+unsafe.Offsetof(ring.Head)-C.index_retired_head]
	_ = same[unsafe.Offsetof(head.Spill)-C.index_spill]
	_ = same[unsafe.Offsetof(head.Added)-C.index_added]
	_ = same[unsafe.Offsetof(head.Added)+unsafe.Offsetof(ring.Head)-C.index_added_head]
	_ = same[unsafe.Offsetof(ring.Spilled)-C.ring_spilled]
	_ = same[unsafe.Offsetof(ring.SpillFrom)-C.ring_spill_from]
	_ = same[unsafe.Offsetof(ring.Withdrawn)-C.ring_withdrawn]
	_ = same[unsafe.Offsetof(ring.Taking)-C.ring_taking]
	_ = same[unsafe.Sizeof(notes)-C.notes_size]
	_ = same[unsafe.Offsetof(notes.Added)-C.notes_added]
	_ = same[unsafe.Offsetof(notes.Retired)-C.notes_retired]
	_ = same[unsafe.Sizeof(spill)-C.spill_size]
	_ = same[unsafe.Offsetof(spill.Retired)-C.spill_retired]
	_ = same[cache.Marks-C.marks]
	_ = same[cache.AddedRoom-C.added_room]
	_ = same[cache.RetiredRoom-C.retired_room]
	_ = same[cache.SpillRoom-C.spill_room]
	_ = same[cache.Gone-C.SSC_INDEX_GONE]
	_ = same[cache.Withdrawn-C.SSC_INDEX_WITHDRAWN]
	_ = same[cache.WithdrawnExpired-C.SSC_INDEX_EXPIRED]
	_ = same[unsafe.Sizeof(noted)-C.noted_size]
	_ = same[unsafe.Offsetof(noted.Key.Version)-C.noted_kind]
	_ = same[unsafe.Offsetof(noted.Before)-C.noted_before]
	_ = same[unsafe.Offsetof(noted.Ref)-C.noted_ref]
	_ = same[unsafe.Offsetof(noted.Object)-C.noted_object]
	_ = same[unsafe.Offsetof(noted.Expiry)-C.noted_expiry]
	_ = same[unsafe.Sizeof(line)-C.line_size]
	_ = same[unsafe.Offsetof(line.More)-C.line_more]
	_ = same[unsafe.Sizeof(entry)-C.entry_size]
	_ = same[unsafe.Offsetof(entry.Key.Version)-C.entry_kind]
	_ = same[unsafe.Offsetof(entry.Stamp)-C.entry_stamp]
	_ = same[unsafe.Offsetof(entry.Ref)-C.entry_ref]
	_ = same[unsafe.Offsetof(entry.Sequence)-C.entry_sequence]
	_ = same[unsafe.Sizeof(entry.Key)-C.key_size]
	_ = same[unsafe.Offsetof(entry.Key.Version)-C.key_version]
	_ = same[unsafe.Offsetof(entry.Key.Len)-C.key_len]
)
