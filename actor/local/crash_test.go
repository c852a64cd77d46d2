package local

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rivet-go/rivet/actor"
)

// crashDir is the variable that makes the test binary a process to be killed.
const crashDir = "RIVET_LOCAL_CRASH_DIR"

const (
	crashActors = 4
	crashWidth  = 8 // keys that a batch sets to the same number
)

func crashID(n int) string { return fmt.Sprintf("%030d", n) }

// crashChild writes from several actors, and prints what was acknowledged, until
// it is killed. Each batch sets all keys of an actor to its number, and creates
// an actor now and then.
func crashChild(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	d, err := openBolt(dir)
	fail(err)
	s := openStore(d)
	dirs, err := openDirectory(s)
	fail(err)
	said := make(chan string, 100)
	for n := range crashActors {
		go func() {
			l := testLease(s, crashID(n))
			i, err := crashRead(l)
			fail(err)
			for i++; ; i++ {
				value := bytes.Repeat([]byte(fmt.Sprintf("%09d ", i)), 1+i%300)
				var b actor.Batch
				for k := range crashWidth {
					b = append(b, actor.Change{Key: fmt.Appendf(nil, "key%d", k), Value: value})
				}
				b = append(b, actor.Change{Key: fmt.Appendf(nil, "log%09d", i), Value: value[:10]})
				if i > 20 {
					b = append(b, actor.Change{Key: []byte("log"), To: fmt.Appendf(nil, "log%09d", i-20)})
				}
				fail(l.Apply(context.Background(), b))
				said <- fmt.Sprintf("write %d %d\n", n, i)
				if i%5 == 0 {
					rec, created, err := dirs.getOrCreate(context.Background(), spec{Name: "made", Key: []string{fmt.Sprint(n), fmt.Sprint(i)}})
					fail(err)
					if created {
						said <- fmt.Sprintf("made %d/%d %s\n", n, i, rec.ID)
					}
				}
			}
		}()
	}
	for line := range said {
		_, _ = os.Stdout.WriteString(line)
	}
}

// crashRead returns the number of an actor's last batch, or an error when it is
// not whole.
func crashRead(l *lease) (int, error) {
	var keys [][]byte
	for k := range crashWidth {
		keys = append(keys, fmt.Appendf(nil, "key%d", k))
	}
	values, err := l.Get(context.Background(), keys...)
	if err != nil || values[0] == nil {
		return 0, err
	}
	i, err := strconv.Atoi(strings.TrimLeft(strings.SplitN(string(values[0]), " ", 2)[0], "0"))
	if err != nil {
		return 0, err
	}
	want := bytes.Repeat([]byte(fmt.Sprintf("%09d ", i)), 1+i%300)
	for _, v := range values {
		if !bytes.Equal(v, want) {
			return 0, fmt.Errorf("batch %d is torn: %.20q", i, v)
		}
	}
	n := 0
	for e, err := range l.List(context.Background(), []byte("log"), []byte("loh"), 0, true) {
		if err != nil {
			return 0, err
		}
		if want := fmt.Sprintf("log%09d", i-n); string(e.Key) != want {
			return 0, fmt.Errorf("batch %d: %q in place of %q", i, e.Key, want)
		}
		n++
	}
	if n != min(i, 21) {
		return 0, fmt.Errorf("batch %d: %d entries of the log", i, n)
	}
	return i, nil
}

// A process that is killed at any moment loses nothing that was acknowledged,
// and tears no batch.
//
// The process that is killed is this test again.
func TestKill(t *testing.T) {
	if dir := os.Getenv(crashDir); dir != "" {
		crashChild(dir)
		return
	}
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	const kills = 25
	dir := t.TempDir()
	var written [crashActors]int
	made := make(map[string]string)
	for round := range kills {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Not before it has written, then at a moment that differs each time.
		in := bufio.NewReader(out)
		for line := 0; ; line++ {
			text, err := in.ReadString('\n')
			if err == io.EOF {
				break // and without its end it was not acknowledged
			}
			if err != nil {
				t.Fatal(err)
			}
			if line == 0 {
				time.AfterFunc(time.Duration(50+37*round%200)*time.Millisecond, func() { _ = cmd.Process.Kill() })
			}
			var n, i int
			var key, id string
			if _, err := fmt.Sscanf(text, "write %d %d", &n, &i); err == nil {
				written[n] = i
			} else if _, err := fmt.Sscanf(text, "made %s %s", &key, &id); err == nil {
				made[key] = id
			} else {
				t.Fatal(text)
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatal("it was not killed:", err)
		}

		d, err := openBolt(dir)
		if err != nil {
			t.Fatal(err)
		}
		s := openStore(d)
		dirs, err := openDirectory(s)
		if err != nil {
			t.Fatal(err)
		}
		for n := range crashActors {
			got, err := crashRead(testLease(s, crashID(n)))
			if err != nil || got < written[n] {
				t.Fatalf("round %d: actor %d has batch %d, %d was acknowledged, %v", round, n, got, written[n], err)
			}
		}
		for key, id := range made {
			rec, ok, err := dirs.find(t.Context(), "made", strings.Split(key, "/"))
			if err != nil || !ok || rec.ID != id {
				t.Fatalf("round %d: actor %s: %v %v %v", round, key, rec.ID, ok, err)
			}
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%v batches and %d actors through %d kills", written, len(made), kills)
}
