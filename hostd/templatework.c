/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/templatework.h"

#include "hostd/kvm/ramfile.h"
#include "protocol/base/fd.h"

/* What the thread works on; its own copies, since whoever asked may be gone before it ends. */
struct work {
    struct kvm_shape shape;
    char *name, *folder, *image, *digest, *engine;
    int ram_fd; /* to be saved; -1: it is to be loaded */
    hostd_templatework_loaded_fn loaded;
    hostd_templatework_saved_fn saved;
    void *user_data;
};

static void
work_free(gpointer data)
{
    struct work *work = data;

    vd_fd_clear(&work->ram_fd);
    g_free(work->name);
    g_free(work->folder);
    g_free(work->image);
    g_free(work->digest);
    g_free(work->engine);
    g_free(work);
}

/* Takes ram_fd. */
static struct work *
work_new(const struct kvm_shape *shape, const char *name, const char *folder, int ram_fd,
         void *user_data)
{
    struct work *work = g_new0(struct work, 1);

    work->shape = *shape;
    work->name = g_strdup(name);
    work->folder = g_strdup(folder);
    work->shape.image = work->image = g_strdup(shape->image);
    work->shape.digest = work->digest = g_strdup(shape->digest);
    work->shape.engine = work->engine = g_strdup(shape->engine);
    work->ram_fd = ram_fd;
    work->user_data = user_data;
    return work;
}

static void
start(struct work *work, GCancellable *cancellable, GTaskThreadFunc run, GAsyncReadyCallback done)
{
    g_autoptr(GTask) task = g_task_new(NULL, cancellable, done, NULL);

    g_task_set_task_data(task, work, work_free);
    g_task_run_in_thread(task, run);
}

static void
free_template(gpointer data)
{
    kvm_template_free(data);
}

static void
run_load(GTask *task, gpointer source G_GNUC_UNUSED, gpointer data,
         GCancellable *cancellable G_GNUC_UNUSED)
{
    const struct work *work = data;
    GError *error = NULL;
    struct kvm_template *template = kvm_template_load(&work->shape, work->folder, &error);

    if (template == NULL) {
        g_task_return_error(task, error);
    } else {
        g_task_return_pointer(task, template, free_template);
    }
}

static void
on_loaded(GObject *source G_GNUC_UNUSED, GAsyncResult *result, gpointer user_data G_GNUC_UNUSED)
{
    const struct work *work = g_task_get_task_data(G_TASK(result));
    g_autoptr(GError) error = NULL;
    struct kvm_template *template = g_task_propagate_pointer(G_TASK(result), &error);

    if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        work->loaded(work->name, template, error, work->user_data);
    }
}

void
hostd_templatework_load(const struct kvm_shape *shape, const char *name, const char *folder,
                        GCancellable *cancellable, hostd_templatework_loaded_fn done,
                        void *user_data)
{
    struct work *work = work_new(shape, name, folder, -1, user_data);

    work->loaded = done;
    start(work, cancellable, run_load, on_loaded);
}

static void
run_save(GTask *task, gpointer source G_GNUC_UNUSED, gpointer data,
         GCancellable *cancellable G_GNUC_UNUSED)
{
    const struct work *work = data;
    g_autofree char *ram = g_build_filename(work->folder, KVM_TEMPLATE_RAM, NULL);
    int result = kvm_ramfile_save(work->ram_fd, ram);

    g_task_return_int(task, result < 0 ? result : kvm_template_write(&work->shape, work->folder));
}

static void
on_saved(GObject *source G_GNUC_UNUSED, GAsyncResult *result, gpointer user_data G_GNUC_UNUSED)
{
    const struct work *work = g_task_get_task_data(G_TASK(result));
    g_autoptr(GError) error = NULL;
    gssize code = g_task_propagate_int(G_TASK(result), &error);

    if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        work->saved(work->name, (int)code, work->user_data);
    }
}

void
hostd_templatework_save(const struct kvm_shape *shape, const char *name, const char *folder,
                        int ram_fd, GCancellable *cancellable, hostd_templatework_saved_fn done,
                        void *user_data)
{
    struct work *work = work_new(shape, name, folder, ram_fd, user_data);

    work->saved = done;
    start(work, cancellable, run_save, on_saved);
}
