package pipe

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func pair(t *testing.T) (client, server *Conn) {
	client, server = New("client", "server")
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return client, server
}

func TestPipeCarriesBytes(t *testing.T) {
	client, server := pair(t)
	want := make([]byte, 3*Buffer+17)
	if _, err := rand.Read(want); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for rest, n := want, 1; len(rest) > 0; n = n*3 + 1 {
			n = min(n, len(rest))
			if _, err := client.Write(rest[:n]); err != nil {
				t.Error(err)
				return
			}
			rest = rest[n:]
		}
		client.Close()
	})
	got, err := io.ReadAll(server)
	wg.Wait()
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d, %v", len(got), len(want), err)
	}
}

func TestPipeBuffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t)
		if n, err := client.Write(make([]byte, Buffer)); n != Buffer || err != nil {
			t.Fatalf("%d %v", n, err)
		}
		wrote := false
		go func() {
			if _, err := client.Write([]byte("x")); err != nil {
				t.Error(err)
			}
			wrote = true
		}()
		synctest.Wait()
		if wrote {
			t.Error("a write into a full pipe did not wait")
		}
		if _, err := io.ReadFull(server, make([]byte, 10)); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if !wrote {
			t.Error("the write did not go on")
		}
	})
}

func TestPipeDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := pair(t)
		start := time.Now()
		if err := client.SetReadDeadline(start.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		_, err := client.Read(make([]byte, 1))
		var timeout net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("again: %v", err)
		}
		// Longer, then shorter, while a read waits.
		if err := client.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { _ = client.SetReadDeadline(time.Unix(1, 0)) })
		start = time.Now()
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := client.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Write(make([]byte, Buffer)); err != nil {
			t.Fatal(err)
		}
		if err := client.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if n, err := client.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %d %v", n, err)
		}
	})
}

func TestPipeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t)
		if _, err := client.Write([]byte("last")); err != nil {
			t.Fatal(err)
		}
		blocked := make(chan error, 1)
		go func() {
			_, err := client.Read(make([]byte, 1))
			blocked <- err
		}()
		synctest.Wait()
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		if err := <-blocked; !errors.Is(err, net.ErrClosed) {
			t.Errorf("a waiting read: %v", err)
		}
		if err := client.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
		if got, err := io.ReadAll(server); string(got) != "last" || err != nil {
			t.Errorf("%q %v", got, err)
		}
		if _, err := server.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write to a closed peer: %v", err)
		}
		if _, err := client.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write to itself closed: %v", err)
		}

		client, server = pair(t)
		if _, err := server.Write([]byte("lost")); err != nil {
			t.Fatal(err)
		}
		server.Reset()
		if n, err := client.Read(make([]byte, 9)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read after a reset: %d %v", n, err)
		}
		if _, err := client.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write after a reset: %v", err)
		}

		client, server = pair(t)
		if err := client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("half-closed: %v", err)
		}
		if _, err := server.Write([]byte("still")); err != nil {
			t.Errorf("the other half: %v", err)
		}
	})
}

func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewListener("here")
		client, err := l.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		waiting := make(chan error)
		go func() {
			for {
				if _, err := l.Dial(t.Context()); err != nil {
					waiting <- err
					return
				}
			}
		}()
		synctest.Wait() // the backlog is full
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Dial(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("full: %v", err)
		}
		l.Close()
		if err := <-waiting; !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("closed: %v", err)
		}
		if _, err := l.Dial(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("closed: %v", err)
		}
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("not accepted: %v", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept: %v", err)
		}
	})
}
