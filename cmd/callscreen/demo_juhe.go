package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"callscreen/juhe/juhesim"
)

// simulatedJuhe is the simulated Juhe on a port of its own, and what it said.
type simulatedJuhe struct {
	*juhesim.Sim
	addr   netip.AddrPort
	server *http.Server
	served sync.WaitGroup
	failed error // of Serve; read after served

	mu   sync.Mutex
	said map[string]string // by number, in people's words
}

// simulatedKey is the only key that the simulated Juhe takes.
const simulatedKey = "demo-key-of-the-simulated-juhe"

// newJuhe starts a Juhe that knows the numbers of its document and those of
// known, and takes delay to answer.
func newJuhe(delay time.Duration, known map[string]juhesim.Reply) (*simulatedJuhe, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening a port for the simulated Juhe: %w", err)
	}
	d := &simulatedJuhe{Sim: juhesim.New(), addr: listener.Addr().(*net.TCPAddr).AddrPort(), said: map[string]string{}}
	d.RequireKey(simulatedKey)
	d.SetDelay(delay)
	for number, reply := range known {
		d.Set(number, reply)
	}
	d.server = &http.Server{Handler: d, ReadHeaderTimeout: 10 * time.Second}
	d.served.Go(func() { d.failed = d.server.Serve(listener) }) // ends when close closes the server
	return d, nil
}

// url is where it is asked.
func (d *simulatedJuhe) url() string { return "http://" + d.addr.String() + juhesim.Path }

func (d *simulatedJuhe) close() error {
	err := d.server.Close() // a question that hangs ends with its connection
	d.served.Wait()
	if !errors.Is(d.failed, http.ErrServerClosed) {
		return fmt.Errorf("simulated Juhe: %w", d.failed)
	}
	return err
}

// overheard is an answer that is kept while it is sent.
type overheard struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (o *overheard) Write(b []byte) (int, error) {
	o.body.Write(b)
	return o.ResponseWriter.Write(b)
}

// ServeHTTP answers as the simulated Juhe and keeps what it said.
func (d *simulatedJuhe) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o := &overheard{ResponseWriter: w}
	d.Sim.ServeHTTP(o, r)
	number := r.FormValue("mobile")
	if number == "" || o.body.Len() == 0 {
		return // no question, or one that hung until the client left
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.said[number] = inWords(o.body.Bytes())
}

// saidOf returns what Juhe last said of a number, empty if it said nothing yet.
func (d *simulatedJuhe) saidOf(number string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.said[number]
}

// inWords is an answer of Juhe as people write it: "推销×1478 浙江杭州".
func inWords(body []byte) string {
	var reply struct {
		Code   int `json:"error_code"`
		Result struct {
			Data struct {
				Name  string `json:"name"`
				Place string `json:"telloc"`
				Flag  *struct {
					Type string `json:"type"`
					Num  int    `json:"num"`
				} `json:"flag"`
			} `json:"data"`
		} `json:"result"`
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return "unreadable"
	}
	if reply.Code != 0 {
		return "error " + strconv.Itoa(reply.Code)
	}
	var words []string
	data := reply.Result.Data
	if data.Flag != nil {
		words = append(words, fmt.Sprintf("%s×%d", data.Flag.Type, data.Flag.Num))
	}
	for _, w := range []string{data.Name, data.Place} {
		if w != "" {
			words = append(words, w)
		}
	}
	if words == nil {
		return "nothing known"
	}
	return strings.Join(words, " ")
}
