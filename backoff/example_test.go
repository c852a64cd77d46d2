package backoff_test

import (
	"fmt"
	"time"

	"github.com/rivet-go/rivet/backoff"
)

func ExampleExponential() {
	waits := backoff.Exponential(time.Second, time.Minute).New()

	first := waits.Next()
	for range 100 {
		waits.Next() // 100 more failures
	}
	later := waits.Next()

	fmt.Println(50*time.Millisecond <= first && first <= time.Second)
	fmt.Println(later <= time.Minute)
	// Output:
	// true
	// true
}

func ExampleFunc() {
	// Twice at once, then every ten seconds.
	policy := backoff.Func(func(n int) time.Duration {
		if n <= 2 {
			return 0
		}
		return 10 * time.Second
	})

	waits := policy.New()
	fmt.Println(waits.Next(), waits.Next(), waits.Next())
	waits.Reset()
	fmt.Println(waits.Next())
	// Output:
	// 0s 0s 10s
	// 0s
}

func ExampleConstant() {
	waits := backoff.Constant(time.Second).New()
	fmt.Println(waits.Next(), waits.Next())
	// Output: 1s 1s
}

func ExampleValidate() {
	fmt.Println(backoff.Validate(backoff.Exponential(time.Minute, time.Second)))
	// Output: backoff: maximum 1s is less than the minimum 1m0s
}
