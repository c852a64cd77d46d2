package actor

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/rivet-go/rivet"
)

// Option configures a Host. What is wrong with its value is an error of New.
type Option interface{ applyHost(*hostSettings) error }

type option func(*hostSettings) error

func (f option) applyHost(s *hostSettings) error { return f(s) }

// UseDriver sets the driver. Packages of drivers have options of their own that
// call it, such as local.Dir.
func UseDriver(d Driver) Option {
	return option(func(s *hostSettings) error {
		if d == nil {
			return &rivet.ConfigError{Field: "UseDriver", Rule: "must not be nil"}
		}
		if s.driver != nil {
			return &rivet.ConfigError{Field: "driver", Rule: "is given twice"}
		}
		s.driver = d
		return nil
	})
}

// Addr is where Serve listens, host:port; localhost:6420 by default, or the port
// of RIVET_PORT there. Port 0 chooses a free one, which OnListen tells.
func Addr(address string) Option {
	return option(func(s *hostSettings) error {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return &rivet.ConfigError{Field: "Addr", Rule: fmt.Sprintf("is no host:port: %v", err)}
		}
		s.addr = address
		return nil
	})
}

// OnListen calls f with the address that Serve listens on, before it serves.
func OnListen(f func(net.Addr)) Option {
	return option(func(s *hostSettings) error { s.onListen = f; return nil })
}

// WithLogger sets where hosts and actors log to; nowhere by default. Parameters,
// tokens and states are never logged.
func WithLogger(l *slog.Logger) Option {
	return option(func(s *hostSettings) error {
		if l == nil {
			return &rivet.ConfigError{Field: "WithLogger", Rule: "must not be nil"}
		}
		s.log = l
		return nil
	})
}

// Version is the number of this build of the actors, which has to grow with
// each: an engine starts actors on the newest. RIVET_ENVOY_VERSION and
// RIVET_RUNNER_VERSION set it when there is no option.
func Version(n uint32) Option {
	return option(func(s *hostSettings) error { s.version = n; return nil })
}

// ShutdownTimeout bounds the end of Serve; 20 s by default.
func ShutdownTimeout(d time.Duration) Option {
	return option(func(s *hostSettings) error {
		if d <= 0 {
			return &rivet.ConfigError{Field: "ShutdownTimeout", Rule: "is not above zero"}
		}
		s.shutdownTimeout = d
		return nil
	})
}

// SendBuffer bounds what is kept for a connection whose client does not read, in
// bytes; 4 MiB by default. A slower one is closed.
func SendBuffer(bytes int) Option {
	return option(func(s *hostSettings) error {
		if bytes < 1 {
			return &rivet.ConfigError{Field: "SendBuffer", Rule: "is not above zero"}
		}
		s.sendBuffer = bytes
		return nil
	})
}

// PublicEndpoint is where clients from outside find the actors; /metadata tells
// it to those that ask another address. It may carry a namespace and a public
// token, https://namespace:token@host. RIVET_PUBLIC_ENDPOINT and
// RIVET_PUBLIC_TOKEN set it when there is no option.
func PublicEndpoint(endpoint string) Option {
	return option(func(s *hostSettings) error { return s.setPublic("PublicEndpoint", endpoint) })
}

func (s *hostSettings) setPublic(field, endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return &rivet.ConfigError{Field: field, Rule: "is no http or https URL"}
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return &rivet.ConfigError{Field: field, Rule: "must have no query and no fragment"}
	}
	if u.User != nil {
		s.publicNamespace = u.User.Username()
		s.publicToken, _ = u.User.Password()
		u.User = nil
	}
	s.publicEndpoint = u.String()
	return nil
}

// Embedded runs the actors in this process, which is the default. It exists so
// that a program can name its mode.
func Embedded() Option { return mode("embedded") }

// Runner connects to a Rivet Engine that places actors on this process.
// Serverless answers an engine that calls this process. Both need a driver for
// the engine, which this version of the library does not have: New says so.
func Runner() Option { return mode("runner") }

// Serverless is told of at Runner.
func Serverless() Option { return mode("serverless") }

func mode(name string) Option {
	return option(func(s *hostSettings) error {
		if s.mode != "" && s.mode != name {
			return &rivet.ConfigError{Field: "mode", Rule: "is given twice"}
		}
		s.mode = name
		if name != "embedded" {
			return &rivet.ConfigError{Field: "mode", Rule: name + " needs a driver for the Rivet Engine, which this version does not have: only Embedded works"}
		}
		return nil
	})
}
