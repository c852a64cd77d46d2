package local

import (
	"bytes"
	"slices"
	"sync"

	"github.com/rivet-go/rivet/actor"
)

// memory is a disk that is none: entries in order, in chunks, so that one that
// is put in between moves few others.
type memory struct {
	mu     sync.RWMutex
	chunks [][]actor.Entry // none is empty
}

// maxChunk is how many entries a chunk has at most.
const maxChunk = 256

func (m *memory) name() string { return "memory" }

func (m *memory) close() error { return nil }

func (m *memory) view(f func(tx txn) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return f(m)
}

func (m *memory) update(f func(tx txn) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return f(m)
}

// spot returns the chunk and the place in it of the first entry that is not
// before key; the place behind the last entry, when all are.
func (m *memory) spot(key []byte) (i, j int, found bool) {
	i, _ = slices.BinarySearchFunc(m.chunks, key, func(c []actor.Entry, key []byte) int {
		return bytes.Compare(c[len(c)-1].Key, key)
	})
	if i == len(m.chunks) {
		if i == 0 {
			return 0, 0, false
		}
		return i - 1, len(m.chunks[i-1]), false
	}
	j, found = slices.BinarySearchFunc(m.chunks[i], key, func(e actor.Entry, key []byte) int {
		return bytes.Compare(e.Key, key)
	})
	return i, j, found
}

func (m *memory) get(key []byte) []byte {
	if i, j, found := m.spot(key); found {
		return m.chunks[i][j].Value
	}
	return nil
}

func (m *memory) put(key, value []byte) error {
	value = append([]byte{}, value...) // never nil
	i, j, found := m.spot(key)
	switch {
	case found:
		m.chunks[i][j].Value = value
		return nil
	case len(m.chunks) == 0:
		m.chunks = [][]actor.Entry{nil}
	case len(m.chunks[i]) == maxChunk:
		// Entries that come in order fill their chunks.
		at := maxChunk / 2
		if j == maxChunk {
			at = maxChunk
		}
		rest := slices.Clone(m.chunks[i][at:])
		clear(m.chunks[i][at:])
		m.chunks[i] = m.chunks[i][:at]
		m.chunks = slices.Insert(m.chunks, i+1, rest)
		if j >= at {
			i, j = i+1, j-at
		}
	}
	m.chunks[i] = slices.Insert(m.chunks[i], j, actor.Entry{Key: bytes.Clone(key), Value: value})
	return nil
}

func (m *memory) remove(key []byte) error {
	if i, j, found := m.spot(key); found {
		m.cut(i, j, j+1)
	}
	return nil
}

func (m *memory) removeRange(from, to []byte) error {
	for {
		i, j, _ := m.spot(from)
		if i == len(m.chunks) || j == len(m.chunks[i]) {
			return nil
		}
		end := j
		for end < len(m.chunks[i]) && bytes.Compare(m.chunks[i][end].Key, to) < 0 {
			end++
		}
		if end == j {
			return nil
		}
		m.cut(i, j, end)
	}
}

func (m *memory) cut(i, j, end int) {
	if m.chunks[i] = slices.Delete(m.chunks[i], j, end); len(m.chunks[i]) == 0 {
		m.chunks = slices.Delete(m.chunks, i, i+1)
	}
}

func (m *memory) scan(from, to []byte, reverse bool, f func(key, value []byte) bool) {
	if !reverse {
		for i, j, _ := m.spot(from); i < len(m.chunks); i, j = i+1, 0 {
			for _, e := range m.chunks[i][j:] {
				if bytes.Compare(e.Key, to) >= 0 || !f(e.Key, e.Value) {
					return
				}
			}
		}
		return
	}
	if len(m.chunks) == 0 {
		return
	}
	i, j, _ := m.spot(to)
	for {
		for j--; j >= 0; j-- {
			if e := m.chunks[i][j]; bytes.Compare(e.Key, from) < 0 || !f(e.Key, e.Value) {
				return
			}
		}
		if i--; i < 0 {
			return
		}
		j = len(m.chunks[i])
	}
}
