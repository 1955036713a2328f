/*
 * Answers every call of gRPC with the same frames, for as little CPU as that takes: one thread, one read and one write for
 * all that came at once, and no header is decoded. What the calls hold is verified before, against another server.
 *
 * grpc-upstream PORT STATUS_PORT ANSWER_FILE
 * ANSWER_FILE holds the frames of one answer (HEADERS, DATA, HEADERS) with any stream number. PORT speaks HTTP/2 with prior
 * knowledge on 127.0.0.1 and 127.0.0.2; STATUS_PORT answers any HTTP/1.1 request with the number of calls so far.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DATA = 0, HEADERS = 1, SETTINGS = 4, PING = 6, WINDOW_UPDATE = 8 };
enum { END_STREAM = 1, ACK = 1 };
enum { PREFACE_BYTES = 24, HEAD_BYTES = 9, IN_BYTES = 65536, MOST_WAITING = 4096, MOST_EVENTS = 256, CREDIT_BYTES = 32768 };

struct connection {
  int fd;
  int is_status;
  int has_preface;
  /* Whether the socket took no more at the last write. */
  int is_full;
  /* Octets of DATA that the peer lets us send on the connection. */
  int64_t window;
  /* Octets of DATA that came and were not given back yet. */
  uint32_t received;
  /* Streams whose answer waits for the window, a ring. */
  uint32_t waiting[MOST_WAITING];
  uint32_t first, count;
  size_t in_length, out_start, out_end, out_size;
  uint8_t *out;
  uint8_t in[IN_BYTES];
};

static uint8_t answer[IN_BYTES];
static size_t answer_length;
static int64_t answer_data;
static uint64_t calls;
static int epoll_fd;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static uint32_t read32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void write32(uint8_t *at, uint32_t value) {
  at[0] = value >> 24;
  at[1] = value >> 16;
  at[2] = value >> 8;
  at[3] = value;
}

static size_t frame_length(const uint8_t *head) { return read32(head) >> 8; }

static uint8_t *make_room(struct connection *own, size_t length) {
  if (own->out_end + length > own->out_size) {
    memmove(own->out, own->out + own->out_start, own->out_end - own->out_start);
    own->out_end -= own->out_start;
    own->out_start = 0;
    while (own->out_end + length > own->out_size) own->out_size *= 2;
    own->out = realloc(own->out, own->out_size);
    if (own->out == NULL) fail("realloc");
  }
  uint8_t *at = own->out + own->out_end;
  own->out_end += length;
  return at;
}

static void send_frame(struct connection *own, uint8_t type, uint8_t flags, const uint8_t *payload, size_t length) {
  uint8_t *at = make_room(own, HEAD_BYTES + length);
  write32(at, (uint32_t)length << 8 | type);
  at[4] = flags;
  write32(at + 5, 0);
  memcpy(at + HEAD_BYTES, payload, length);
}

static void send_settings(struct connection *own) {
  /* MAX_CONCURRENT_STREAMS 1024, INITIAL_WINDOW_SIZE 1 MiB. */
  static const uint8_t settings[] = {0, 3, 0, 0, 4, 0, 0, 4, 0, 16, 0, 0};
  send_frame(own, SETTINGS, 0, settings, sizeof settings);
}

static void send_answer(struct connection *own, uint32_t stream) {
  uint8_t *at = make_room(own, answer_length);
  memcpy(at, answer, answer_length);
  for (size_t n = 0; n < answer_length; n += HEAD_BYTES + frame_length(at + n)) write32(at + n + 5, stream);
  own->window -= answer_data;
}

static void send_waiting(struct connection *own) {
  while (own->count > 0 && own->window >= answer_data) {
    send_answer(own, own->waiting[own->first]);
    own->first = (own->first + 1) % MOST_WAITING;
    own->count--;
  }
}

static int take_call(struct connection *own, uint32_t stream) {
  calls++;
  if (own->count == 0 && own->window >= answer_data) {
    send_answer(own, stream);
    return 0;
  }
  if (own->count == MOST_WAITING) return -1;
  own->waiting[(own->first + own->count++) % MOST_WAITING] = stream;
  return 0;
}

/* Windows of single streams are not kept: an answer is smaller than any sensible one. */
static int take_settings(const uint8_t *payload, size_t length) {
  for (size_t n = 0; n + 6 <= length; n += 6) {
    if (payload[n] == 0 && payload[n + 1] == 4 && read32(payload + n + 2) < answer_data) return -1;
  }
  return 0;
}

static int take_data(struct connection *own, uint32_t stream, uint8_t flags, size_t length) {
  own->received += length;
  if (own->received >= CREDIT_BYTES) {
    uint8_t increment[4];
    write32(increment, own->received);
    send_frame(own, WINDOW_UPDATE, 0, increment, sizeof increment);
    own->received = 0;
  }
  return flags & END_STREAM ? take_call(own, stream) : 0;
}

/* Every other frame means nothing here. */
static int take_frame(struct connection *own, const uint8_t *head, size_t length) {
  const uint8_t *payload = head + HEAD_BYTES;
  const uint8_t type = head[3], flags = head[4];
  const uint32_t stream = read32(head + 5) & 0x7fffffff;
  if (type == DATA) return take_data(own, stream, flags, length);
  if (type == HEADERS) return flags & END_STREAM ? take_call(own, stream) : 0;
  if (type == SETTINGS && !(flags & ACK)) {
    send_frame(own, SETTINGS, ACK, NULL, 0);
    return take_settings(payload, length);
  }
  if (type == PING && !(flags & ACK)) send_frame(own, PING, ACK, payload, length);
  if (type == WINDOW_UPDATE && stream == 0) {
    own->window += read32(payload);
    send_waiting(own);
  }
  return 0;
}

static int take_status(struct connection *own) {
  char text[128];
  const int digits = snprintf(text, sizeof text, "%llu", (unsigned long long)calls);
  const int length = snprintf(text, sizeof text,
                              "HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%llu", digits,
                              (unsigned long long)calls);
  memcpy(make_room(own, length), text, length);
  own->in_length = 0;
  return 0;
}

static int take_input(struct connection *own) {
  if (own->is_status) return take_status(own);
  size_t at = 0;
  if (!own->has_preface) {
    if (own->in_length < PREFACE_BYTES) return 0;
    if (memcmp(own->in, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", PREFACE_BYTES) != 0) return -1;
    own->has_preface = 1;
    at = PREFACE_BYTES;
    send_settings(own);
  }
  while (own->in_length - at >= HEAD_BYTES) {
    const size_t length = frame_length(own->in + at);
    if (length > IN_BYTES - HEAD_BYTES) return -1;
    if (own->in_length - at < HEAD_BYTES + length) break;
    if (take_frame(own, own->in + at, length) != 0) return -1;
    at += HEAD_BYTES + length;
  }
  own->in_length -= at;
  memmove(own->in, own->in + at, own->in_length);
  return 0;
}

static void watch(struct connection *own, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = own};
  if (epoll_ctl(epoll_fd, operation, own->fd, &event) != 0) fail("epoll_ctl");
}

static int flush(struct connection *own) {
  while (own->out_start < own->out_end) {
    const ssize_t length = write(own->fd, own->out + own->out_start, own->out_end - own->out_start);
    if (length < 0 && errno == EAGAIN) {
      if (!own->is_full) watch(own, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
      own->is_full = 1;
      return 0;
    }
    if (length < 0) return -1;
    own->out_start += length;
  }
  own->out_start = own->out_end = 0;
  if (own->is_full) watch(own, EPOLL_CTL_MOD, EPOLLIN);
  own->is_full = 0;
  return own->is_status ? -1 : 0;
}

static int serve(struct connection *own, uint32_t events) {
  if (events & EPOLLIN) {
    const ssize_t length = read(own->fd, own->in + own->in_length, IN_BYTES - own->in_length);
    if (length == 0 || (length < 0 && errno != EAGAIN)) return -1;
    if (length > 0) {
      own->in_length += length;
      if (take_input(own) != 0) return -1;
    }
  } else if (events & (EPOLLERR | EPOLLHUP)) {
    return -1;
  }
  return own->out_start < own->out_end ? flush(own) : 0;
}

static struct connection *make_connection(int fd, int is_status) {
  struct connection *own = calloc(1, sizeof *own);
  if (own == NULL) fail("calloc");
  own->fd = fd;
  own->is_status = is_status;
  own->window = 65535;
  own->out_size = 4096;
  own->out = malloc(own->out_size);
  if (own->out == NULL) fail("malloc");
  return own;
}

static void accept_all(int listener, int is_status) {
  for (;;) {
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(make_connection(fd, is_status), EPOLL_CTL_ADD, EPOLLIN);
  }
}

static void drop(struct connection *own) {
  close(own->fd);
  free(own->out);
  free(own);
}

static struct connection *listen_on(const char *host, const char *port, int is_status) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  inet_pton(AF_INET, host, &address.sin_addr);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1024) != 0) fail(port);
  struct connection *own = make_connection(fd, is_status);
  watch(own, EPOLL_CTL_ADD, EPOLLIN);
  return own;
}

static void read_answer(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail(path);
  answer_length = fread(answer, 1, sizeof answer, file);
  fclose(file);
  size_t at = 0;
  while (at + HEAD_BYTES <= answer_length) {
    if (answer[at + 3] == DATA) answer_data += frame_length(answer + at);
    at += HEAD_BYTES + frame_length(answer + at);
  }
  errno = EINVAL;
  if (at != answer_length || at == 0) fail("frames of the answer");
}

int main(int count, char **words) {
  errno = EINVAL;
  if (count != 4) fail("grpc-upstream PORT STATUS_PORT ANSWER_FILE");
  signal(SIGPIPE, SIG_IGN);
  read_answer(words[3]);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct connection *listeners[] = {listen_on("127.0.0.1", words[1], 0), listen_on("127.0.0.2", words[1], 0),
                                    listen_on("127.0.0.1", words[2], 1)};
  for (;;) {
    struct epoll_event events[MOST_EVENTS];
    const int ready = epoll_wait(epoll_fd, events, MOST_EVENTS, -1);
    for (int n = 0; n < ready; n++) {
      struct connection *own = events[n].data.ptr;
      if (own == listeners[0] || own == listeners[1] || own == listeners[2]) accept_all(own->fd, own->is_status);
      else if (serve(own, events[n].events) != 0) drop(own);
    }
  }
}
