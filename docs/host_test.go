package docs_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// runHost runs a program that hosts actors, sends it what the curl commands of
// its document send, and compares the answers with the texts behind the commands.
func runHost(t *testing.T, b block, doc []block) {
	port := freePort(t)
	program := filepath.Join(t.TempDir(), "program")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./"+write(t, b, "main.go")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", b, err, out)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "RIVET_PORT="+port)
	log := start(t, cmd)
	host := strings.NewReplacer("localhost:6420", net.JoinHostPort("localhost", port))
	for i, command := range doc {
		if command.lang == "sh" && strings.HasPrefix(command.text, "curl ") && i+1 < len(doc) && doc[i+1].lang == "text" {
			answer := curl(t, command, host)
			if known(answer) != known(doc[i+1].text) {
				t.Errorf("%v: the answer is\n%s\nnot\n%s", command, answer, doc[i+1].text)
			}
			if id := ids.FindString(answer); id != "" {
				host = strings.NewReplacer("localhost:6420", net.JoinHostPort("localhost", port), "$id", id)
			}
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(log)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: the program ends with %v\n%s", b, err, rest)
	}
}

// start starts a host and returns the rest of its log when it serves.
func start(t *testing.T, host *exec.Cmd) io.Reader {
	t.Helper()
	log, err := host.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadString('\n')
		t.Log(line)
		if err != nil {
			t.Fatalf("%v does not serve: %v", host, err)
		}
		if strings.Contains(line, "serving actors") {
			return lines
		}
	}
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// ids are ids of actors, times what else differs from run to run.
var (
	ids   = regexp.MustCompile(`\b[0-9a-z]{30}\b`)
	times = regexp.MustCompile(`\b1[0-9]{12}\b`)
)

// known is an answer without what differs from run to run.
func known(answer string) string {
	answer = times.ReplaceAllString(ids.ReplaceAllString(answer, "ID"), "0")
	return strings.TrimSuffix(answer, "\n")
}

// curl does what a command does, and returns what that would print.
func curl(t *testing.T, b block, vars *strings.Replacer) string {
	t.Helper()
	words, err := shellWords(b.text)
	if err != nil {
		t.Fatalf("%v: %v", b, err)
	}
	method, body, url := "", "", ""
	header := make(http.Header)
	for i := 1; i < len(words); i++ {
		value := func() string {
			if i++; i == len(words) {
				t.Fatalf("%v: %s has no value", b, words[i-1])
			}
			return words[i]
		}
		switch words[i] {
		case "-X":
			method = value()
		case "-d":
			body = value()
			if header.Get("Content-Type") == "" {
				header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
		case "-H":
			name, v, _ := strings.Cut(value(), ": ")
			header.Set(name, v)
		default:
			if url != "" || strings.HasPrefix(words[i], "-") {
				t.Fatalf("%v: this test does not know %q", b, words[i])
			}
			url = vars.Replace(words[i])
		}
	}
	if method == "" && body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v: %v", b, err)
	}
	req.Header = header
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := web.Do(req)
	if err != nil {
		t.Fatalf("%v: %v", b, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%v: %v", b, err)
	}
	return string(answer)
}

// shellWords splits a command into words, by blanks outside of quotes.
func shellWords(text string) (words []string, err error) {
	var word strings.Builder
	quote, inside := rune(0), false
	for _, r := range strings.ReplaceAll(text, "\\\n", " ") {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inside = r, true
		case r == ' ' || r == '\n':
			if inside {
				words = append(words, word.String())
			}
			word.Reset()
			inside = false
		default:
			inside = true
			word.WriteRune(r)
		}
	}
	if quote != 0 || inside {
		return nil, fmt.Errorf("the command %q has no end", text)
	}
	return words, nil
}
