package actor

type blueprint struct{}

type hostSettings struct {
	publicEndpoint, publicNamespace, publicToken string
	version                                      uint32
	sendBuffer                                   int
	driver                                       Driver
}

// Option configures a Host.
type Option interface{ applyHost(*hostSettings) error }

type option func(*hostSettings) error

func (f option) applyHost(s *hostSettings) error { return f(s) }

// UseDriver sets the driver. Packages of drivers have options of their own that
// call it, such as local.Dir.
func UseDriver(d Driver) Option {
	return option(func(s *hostSettings) error { s.driver = d; return nil })
}
