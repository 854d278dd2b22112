package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// recordLine is one decision of the record, as far as the demo tells it;
// docs/record.md says what the fields mean.
type recordLine struct {
	Event   string `json:"event"`
	Call    string `json:"call"`
	From    string `json:"from"`
	Label   string `json:"label"`
	Marks   int    `json:"marks"`
	Source  string `json:"source"`
	Verdict string `json:"verdict"`
	Rule    string `json:"rule"`
	Failed  string `json:"failed"`
	Mode    string `json:"mode"`
}

// String is the decision for people: "95204657: tag by call-centre-sales,
// 推销×3475 (query)".
func (l recordLine) String() string {
	known := ""
	switch {
	case l.Failed != "":
		known = ", no answer (" + l.Failed + ")"
	case l.Label != "":
		known = fmt.Sprintf(", %s×%d (%s)", l.Label, l.Marks, l.Source)
	}
	return "  " + cmp.Or(printable(l.From), "no number") + ": " + l.Verdict + " by " + l.Rule + known
}

// journal reads the record that callscreen writes, while it is written.
type journal struct {
	file *os.File
	in   *bufio.Reader
	half []byte // of a line that is not ended yet
}

// lookAgain is how often a journal looks for more lines.
const lookAgain = 5 * time.Millisecond

// openJournal opens the record, and makes an empty one where there is none yet.
func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the record: %w", err)
	}
	return &journal{file: f, in: bufio.NewReader(f)}, nil
}

func (j *journal) close() error { return j.file.Close() }

// next waits for the next recordLine. The error wraps that of ctx when it ends first.
func (j *journal) next(ctx context.Context) (recordLine, error) {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		part, err := j.in.ReadBytes('\n')
		j.half = append(j.half, part...)
		if err == nil {
			line := bytes.Clone(j.half)
			j.half = j.half[:0]
			return readLine(line)
		}
		if !errors.Is(err, io.EOF) {
			return recordLine{}, fmt.Errorf("reading the record: %w", err)
		}
		select {
		case <-ctx.Done():
			return recordLine{}, fmt.Errorf("waiting for the record: %w", ctx.Err())
		case <-again.C:
		}
	}
}

func readLine(line []byte) (l recordLine, err error) {
	if err := json.Unmarshal(line, &l); err != nil {
		return recordLine{}, fmt.Errorf("reading the record: %w", err)
	}
	return l, nil
}

// of waits for the decision on one call, and passes over all other lines.
func (j *journal) of(ctx context.Context, call string) (recordLine, error) {
	for {
		l, err := j.next(ctx)
		if err != nil || l.Call == call && l.Event == "decision" {
			return l, err
		}
	}
}
