package wire

// Edit replaces the bytes of At by With. An empty At inserts, an empty With
// removes.
type Edit struct {
	At   Span
	With []byte
}

// Splice appends to dst the message that raw becomes by the edits, which it
// sorts by where they begin; edits that begin at the same place keep their
// order. Nothing is put in the middle of what an earlier edit has replaced: of
// an edit that begins there, only the removal counts.
func Splice(dst, raw []byte, edits []Edit) []byte {
	sortEdits(edits)
	last, pos := int32(0), int32(0) // where the last edit that counts begins, and how far raw is used up
	for _, e := range edits {
		if e.At.Start >= pos {
			dst = append(dst, raw[pos:e.At.Start]...)
			last, pos = e.At.Start, e.At.Start
		}
		if e.At.Start == last {
			dst = append(dst, e.With...)
		}
		pos = max(pos, e.At.End)
	}
	return append(dst, raw[pos:]...)
}

// sortEdits is an insertion sort: stable, and the edits are few and nearly in
// order.
func sortEdits(edits []Edit) {
	for i := 1; i < len(edits); i++ {
		for j := i; j > 0 && edits[j].At.Start < edits[j-1].At.Start; j-- {
			edits[j], edits[j-1] = edits[j-1], edits[j]
		}
	}
}
