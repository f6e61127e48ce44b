/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/build.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib-unix.h>

#include "hostd/image/progress.h"
#include "hostd/image/store.h"
#include "protocol/base/fd.h"

#define LINE_MAX_BYTES 4096u
#define TAIL_MAX       8192
#define HASHING        "Checking and publishing"

struct run {
    GMainLoop *loop;
    struct progress *progress;
    GPid pid;
    int status;
    int log;         /* descriptor */
    int output;      /* the recipe's standard output */
    int interrupted; /* the signal that ended the build, or 0 */
    bool exited, closed;
    guint output_source, child_source, signal_sources[3];
    GString *line;
};

static bool
io_error(GError **error, const char *path, int code)
{
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "%s: %s", path, g_strerror(code));
    return false;
}

static void
end_when_done(struct run *run)
{
    if (run->exited && run->closed) {
        g_main_loop_quit(run->loop);
    }
}

static void
take_line(struct run *run)
{
    const char *text;
    int percent;

    if (progress_parse(run->line->str, &percent, &text)) {
        progress_show(run->progress, percent, text);
        return;
    }
    text = progress_parse_said(run->line->str);
    if (text != NULL) {
        progress_say(run->progress, text);
        g_string_erase(run->line, 0, text - run->line->str);
    }
    g_string_append_c(run->line, '\n');
    (void)vd_fd_write_all(run->log, run->line->str,
                          run->line->len); /* a full disk fails the build itself */
}

static gboolean
on_output(gint fd, GIOCondition condition, gpointer data)
{
    struct run *run = data;
    char bytes[4096];
    ssize_t n = read(fd, bytes, sizeof(bytes));

    (void)condition;
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        return G_SOURCE_CONTINUE;
    }
    if (n <= 0) {
        run->closed = true;
        run->output_source = 0;
        end_when_done(run);
        return G_SOURCE_REMOVE;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] == '\n' || run->line->len == LINE_MAX_BYTES) {
            take_line(run);
            g_string_truncate(run->line, 0);
        }
        if (bytes[i] != '\n') {
            g_string_append_c(run->line, bytes[i]);
        }
    }
    return G_SOURCE_CONTINUE;
}

/* What the recipe started and left behind keeps the pipe open; it is ended with it. */
static void
on_child(GPid pid, gint status, gpointer data)
{
    struct run *run = data;

    kill(-pid, SIGKILL);
    g_spawn_close_pid(pid);
    run->status = status;
    run->exited = true;
    run->child_source = 0;
    end_when_done(run);
}

static gboolean
interrupt(struct run *run, int number)
{
    run->interrupted = number;
    kill(-run->pid, SIGKILL);
    return G_SOURCE_CONTINUE;
}

static gboolean
on_sigint(gpointer data)
{
    return interrupt(data, SIGINT);
}

static gboolean
on_sigterm(gpointer data)
{
    return interrupt(data, SIGTERM);
}

static gboolean
on_sighup(gpointer data)
{
    return interrupt(data, SIGHUP);
}

/* Between fork and exec: a process group of its own, and an end with the parent's. */
static void
on_fork(gpointer data)
{
    (void)data;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    umask(022);
}

static char **
make_environment(const struct image_build *build, const struct image_draft *draft)
{
    char **env = g_get_environ();

    env = g_environ_setenv(env, "VEDETTE_OUT", image_draft_out(draft), TRUE);
    env = g_environ_setenv(env, "VEDETTE_WORK", image_draft_work(draft), TRUE);
    env = g_environ_setenv(env, "VEDETTE_GUEST", build->guest, TRUE);
    env = g_environ_setenv(env, "VEDETTE_CACHE", build->cache, TRUE);
    return env;
}

static bool
start(struct run *run, const struct image_build *build, const struct image_draft *draft,
      GError **error)
{
    char *argv[] = {(char *)build->recipe, NULL};
    char **env = make_environment(build, draft);
    GError *problem = NULL;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC), pipe_fds[2] = {-1, -1};
    bool ok = null != -1 && g_unix_open_pipe(pipe_fds, FD_CLOEXEC, &problem) &&
              g_spawn_async_with_fds(NULL, argv, env, G_SPAWN_DO_NOT_REAP_CHILD, on_fork, NULL,
                                     &run->pid, null, pipe_fds[1], run->log, &problem);

    if (!ok) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_RECIPE, "cannot run %s: %s", build->recipe,
                    problem == NULL ? g_strerror(errno) : problem->message);
        g_clear_error(&problem);
        vd_fd_clear(&pipe_fds[0]);
    }
    run->output = pipe_fds[0];
    vd_fd_clear(&pipe_fds[1]);
    vd_fd_clear(&null);
    g_strfreev(env);
    return ok;
}

static void
wait_for_end(struct run *run)
{
    run->loop = g_main_loop_new(NULL, FALSE);
    run->line = g_string_new(NULL);
    run->output_source = g_unix_fd_add(run->output, G_IO_IN | G_IO_HUP, on_output, run);
    run->child_source = g_child_watch_add(run->pid, on_child, run);
    run->signal_sources[0] = g_unix_signal_add(SIGINT, on_sigint, run);
    run->signal_sources[1] = g_unix_signal_add(SIGTERM, on_sigterm, run);
    run->signal_sources[2] = g_unix_signal_add(SIGHUP, on_sighup, run);
    g_main_loop_run(run->loop);
    for (guint i = 0; i < G_N_ELEMENTS(run->signal_sources); i++) {
        g_source_remove(run->signal_sources[i]);
    }
    g_main_loop_unref(run->loop);
    g_string_free(run->line, TRUE);
}

static bool
check_status(const struct run *run, GError **error)
{
    if (run->interrupted != 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_RECIPE, "interrupted (%s)",
                    g_strsignal(run->interrupted));
    } else if (WIFSIGNALED(run->status)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_RECIPE, "the recipe was killed (%s)",
                    g_strsignal(WTERMSIG(run->status)));
    } else if (WEXITSTATUS(run->status) != 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_RECIPE, "the recipe failed with status %d",
                    WEXITSTATUS(run->status));
    } else {
        return true;
    }
    return false;
}

static bool
run_recipe(const struct image_build *build, const struct image_draft *draft, const char *log,
           GError **error)
{
    struct run run = {.output = -1};
    bool ok;

    run.log = open(log, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (run.log == -1) {
        return io_error(error, log, errno);
    }
    run.progress = progress_new(build->name);
    progress_show(run.progress, 0, "Starting");
    ok = start(&run, build, draft, error);
    if (ok) {
        wait_for_end(&run);
        ok = check_status(&run, error);
    }
    if (ok) {
        progress_show(run.progress, 100, HASHING);
    }
    progress_free(run.progress);
    vd_fd_clear(&run.output);
    vd_fd_clear(&run.log);
    return ok;
}

static struct image_manifest *
read_recipe_json(const struct image_draft *draft, GError **error)
{
    char *path = g_build_filename(image_draft_out(draft), "recipe.json", NULL), *text = NULL;
    struct image_manifest *manifest = NULL;
    size_t size = 0;
    int rc = vd_file_read(path, IMAGE_MANIFEST_MAX, &text, &size);

    if (rc < 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_RECIPE,
                    "the recipe left no readable recipe.json: %s", g_strerror(-rc));
    } else {
        manifest = image_manifest_from_recipe(text, size, error);
        g_prefix_error(error, "recipe.json: ");
    }
    free(text);
    g_free(path);
    return manifest;
}

static char *
make_log_path(const struct image_build *build, GError **error)
{
    char *folder = g_build_filename(build->cache, "logs", NULL), *path = NULL;
    int rc = vd_mkdir_all(folder, 0755);

    if (rc < 0) {
        io_error(error, folder, -rc);
    } else {
        GDateTime *now = g_date_time_new_now_utc();
        char *stamp = g_date_time_format(now, "%Y%m%d-%H%M%S");

        path = g_strdup_printf("%s/%s-%s-%d.log", folder, build->name, stamp, (int)getpid());
        g_free(stamp);
        g_date_time_unref(now);
    }
    g_free(folder);
    return path;
}

struct image_manifest *
image_build_run(const struct image_build *build, char **ret_log, GError **error)
{
    struct image_manifest *manifest = NULL;
    struct image_draft *draft;
    char *log;

    *ret_log = NULL;
    if (!image_name_valid(build->name)) { /* before it becomes part of a path */
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID,
                    "an image's name has letters, digits, '.', '_' and '-' only");
        return NULL;
    }
    log = make_log_path(build, error);
    draft = log == NULL ? NULL : image_draft_new(build->images, build->name, error);
    /* Before a long job and not behind it. */
    if (draft != NULL && build->revision != 0 && !image_draft_ask(draft, build->revision, error)) {
        g_clear_pointer(&draft, image_draft_free);
    }
    if (draft != NULL && run_recipe(build, draft, log, error)) {
        manifest = read_recipe_json(draft, error);
    }
    if (manifest != NULL && !image_draft_publish(draft, manifest, error)) {
        g_clear_pointer(&manifest, image_manifest_free);
    }
    image_draft_free(draft);
    if (manifest != NULL) {
        unlink(log);
    } else if (log != NULL && access(log, F_OK) == 0) {
        *ret_log = g_steal_pointer(&log);
    }
    g_free(log);
    return manifest;
}

char *
image_log_tail(const char *path, guint count)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = g_malloc0(TAIL_MAX + 1), *start;
    off_t end = fd == -1 ? -1 : lseek(fd, 0, SEEK_END);
    ssize_t n = end < 0 ? -1 : pread(fd, text, TAIL_MAX, end > TAIL_MAX ? end - TAIL_MAX : 0);
    char *result = NULL;

    if (n >= 0) {
        text[n] = '\0';
        g_strchomp(text);
        start = text + strlen(text);
        while (start > text && !(start[-1] == '\n' && --count == 0)) {
            start--;
        }
        result = g_strdup(start);
    }
    vd_fd_clear(&fd);
    g_free(text);
    return result;
}
