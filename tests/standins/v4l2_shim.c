/* A video device below OpenCV: preloaded, it answers the V4L2 calls for the path in V4L2_SHIM_PATH, so that unmodified
 * VideoCapture(path, CAP_V4L2) runs without kernel modules.
 *
 * 30 frames a second of 64 x 48 BGR, on ticks of CLOCK_MONOTONIC: frame k is taken at k / 30 s, has 40 + k mod 200 in blue
 * and green and 250 in red. As a driver does, it keeps the oldest frames while nobody reads, as many as it has buffers.
 * While the file in V4L2_SHIM_CONTROL begins with one of these letters, it
 *
 *     h   gives no frames: the driver's wait ends without one
 *     e   never returns from the call that waits for a frame
 *     u   is unplugged: frames end with ENODEV, and it cannot be opened
 *     b   is held by another application: streaming cannot begin (EBUSY)
 *     r   gives half the rows and columns, whatever is asked for, from the next opening on
 *     a   focuses and exposes by itself when it is opened
 *     s   does so too, and is stubborn: it takes the controls that lock them, and leaves them as they are
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { COLS = 64, ROWS = 48, SIZE = COLS * ROWS * 3, BUFFERS = 4, FPS = 30 };

static int device = -1, count = 0, queued[BUFFERS], in_queue = 0;
static long waiting[BUFFERS], in_waiting = 0;
static double read_s = 0;
static unsigned char *memory[BUFFERS];
static int half = 0; /* of the size */
static int autofocus = 0, exposure_mode = V4L2_EXPOSURE_MANUAL, exposure = 250;

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void readable(int yes) { /* an expired timer that nobody reads stays readable */
    struct itimerspec soon = {{0, 0}, {0, yes ? 1 : 0}};
    timerfd_settime(device, 0, &soon, NULL);
}

static char control(void) {
    static int (*real)(const char *, int, ...);
    if (!real) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    char byte = 0;
    int fd = real(getenv("V4L2_SHIM_CONTROL"), O_RDONLY);
    if (fd >= 0) {
        if (read(fd, &byte, 1) < 1) byte = 0;
        close(fd);
    }
    return byte;
}

static int open_device(const char *path, int flags, mode_t mode, const char *name) {
    const char *mine = getenv("V4L2_SHIM_PATH");
    if (mine && strcmp(path, mine) == 0) {
        char what = control();
        if (what == 'u') {
            errno = ENODEV;
            return -1;
        }
        half = what == 'r';
        if (what == 'a' || what == 's') autofocus = 1, exposure_mode = V4L2_EXPOSURE_APERTURE_PRIORITY;
        device = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
        read_s = now_s() - 1.0; /* it was streaming for a while: old frames wait */
        in_waiting = 0;
        readable(1);
        return device;
    }
    return ((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name))(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_device(path, flags, mode, "open");
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_device(path, flags, mode, "open64");
}

void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset) {
    void *(*real)(void *, size_t, int, int, int, off_t) = (void *(*)(void *, size_t, int, int, int, off_t))dlsym(RTLD_NEXT, "mmap");
    if (fd < 0 || fd != device) return real(at, size, prot, flags, fd, offset);
    memory[offset / 4096 % BUFFERS] = real(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory[offset / 4096 % BUFFERS];
}

void *mmap64(void *at, size_t size, int prot, int flags, int fd, off_t offset) {
    return mmap(at, size, prot, flags, fd, offset);
}

static int fail(int why) {
    errno = why;
    return -1;
}

static int dequeue(struct v4l2_buffer *buffer) {
    char what = control();
    if (what == 'u') return fail(ENODEV);
    while (what == 'e') sleep(3600);
    if (what == 'h') {
        readable(0);
        return fail(EAGAIN);
    }
    if (in_queue == 0) return fail(EINVAL);
    double now = now_s();
    if (in_waiting == 0) {
        long first = (long)floor(read_s * FPS) + 1, last = (long)floor(now * FPS);
        for (long k = first; k <= last && in_waiting < count; k++) waiting[in_waiting++] = k;
        if (in_waiting == 0) waiting[in_waiting++] = first;
    }
    long number = waiting[0];
    memmove(waiting, waiting + 1, --in_waiting * sizeof *waiting);
    double taken = (double)number / FPS;
    if (taken > now) usleep((useconds_t)((taken - now) * 1e6) + 1);
    read_s = now_s();
    buffer->index = queued[0];
    memmove(queued, queued + 1, --in_queue * sizeof *queued);
    buffer->bytesused = half ? SIZE / 4 : SIZE;
    buffer->length = SIZE;
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->timestamp.tv_sec = (time_t)taken;
    buffer->timestamp.tv_usec = (suseconds_t)((taken - (time_t)taken) * 1e6);
    unsigned char *pixel = memory[buffer->index];
    for (int k = 0; k < SIZE; k += 3) {
        pixel[k] = pixel[k + 1] = (unsigned char)(40 + number % 200);
        pixel[k + 2] = 250;
    }
    return 0;
}

static int format(struct v4l2_format *f) {
    if (f->fmt.pix.pixelformat != V4L2_PIX_FMT_BGR24) return fail(EINVAL);
    f->fmt.pix.width = half ? COLS / 2 : COLS;
    f->fmt.pix.height = half ? ROWS / 2 : ROWS;
    f->fmt.pix.field = V4L2_FIELD_NONE;
    f->fmt.pix.bytesperline = f->fmt.pix.width * 3;
    f->fmt.pix.sizeimage = f->fmt.pix.bytesperline * f->fmt.pix.height;
    return 0;
}

static int *value_of(unsigned id) {
    return id == V4L2_CID_FOCUS_AUTO ? &autofocus
         : id == V4L2_CID_EXPOSURE_AUTO ? &exposure_mode
         : id == V4L2_CID_EXPOSURE_ABSOLUTE ? &exposure : NULL;
}

static int answer(unsigned long request, void *argument) {
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *c = argument;
        memset(c, 0, sizeof *c);
        strcpy((char *)c->driver, "shim");
        strcpy((char *)c->card, "shim");
        c->capabilities = c->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        return 0;
    }
    case VIDIOC_S_FMT:
    case VIDIOC_TRY_FMT:
        return format(argument);
    case VIDIOC_G_FMT:
        ((struct v4l2_format *)argument)->fmt.pix.pixelformat = V4L2_PIX_FMT_BGR24;
        return format(argument);
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
        struct v4l2_streamparm *p = argument;
        p->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        p->parm.capture.timeperframe.numerator = 1;
        p->parm.capture.timeperframe.denominator = FPS;
        return 0;
    }
    case VIDIOC_REQBUFS: {
        if (control() == 'b') return fail(EBUSY);
        struct v4l2_requestbuffers *r = argument;
        if (r->count > BUFFERS) r->count = BUFFERS;
        count = (int)r->count;
        in_queue = 0;
        return 0;
    }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *b = argument;
        b->length = SIZE;
        b->m.offset = b->index * 4096;
        return 0;
    }
    case VIDIOC_QBUF:
        if (in_queue >= BUFFERS) return fail(EINVAL);
        queued[in_queue++] = (int)((struct v4l2_buffer *)argument)->index;
        return 0;
    case VIDIOC_DQBUF:
        return dequeue(argument);
    case VIDIOC_QUERYCTRL: {
        struct v4l2_queryctrl *q = argument;
        int known = value_of(q->id) != NULL;
        q->minimum = 0, q->maximum = 5000, q->step = 1, q->flags = 0;
        return known ? 0 : fail(EINVAL);
    }
    case VIDIOC_G_CTRL:
    case VIDIOC_S_CTRL: {
        struct v4l2_control *c = argument;
        int *value = value_of(c->id);
        if (!value) return fail(EINVAL);
        if (request == VIDIOC_G_CTRL) c->value = *value;
        else if (control() != 's') *value = c->value;
        return 0;
    }
    case VIDIOC_STREAMON:
        return 0;
    case VIDIOC_STREAMOFF:
        in_queue = 0;
        return 0;
    default:
        return fail(EINVAL); /* inputs, standards: it has none */
    }
}

int ioctl(int fd, unsigned long request, ...) {
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (fd >= 0 && fd == device && (request >> 8 & 0xff) == 'V') return answer(request, argument);
    return ((int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl"))(fd, request, argument);
}
