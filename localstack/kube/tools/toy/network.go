package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	// bodyLimit is how much of an answer get prints.
	bodyLimit = 2000
	timeout   = 10 * time.Second
)

func serve(address, text string) error {
	server := &http.Server{Addr: address, ReadHeaderTimeout: timeout, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, text)
	})}
	return server.ListenAndServe()
}

func get(url string) error {
	client := &http.Client{Timeout: timeout}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	if err != nil {
		return err
	}
	_, err = fmt.Println(resp.Status, string(body))
	return err
}

func forward(listen, target string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	for {
		in, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer in.Close()
			out, err := net.DialTimeout("tcp", target, timeout)
			if err != nil {
				return // the other side sees its connection closed, as by a server that is down
			}
			defer out.Close()
			go func() {
				_, _ = io.Copy(out, in)
				out.Close() // ends the copying below
			}()
			_, _ = io.Copy(in, out)
		}()
	}
}
