using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Checkpoints;

namespace LLaDA.Batch.Worker.Tests;

public sealed class ModelHostTests(TinyModel model)
{
    [Fact]
    public async Task Users_of_one_model_share_it()
    {
        using var tensors = new TensorThread();
        using var host = NewHost(tensors);

        using var first = await host.AcquireAsync(TinyModel.Id, CancellationToken.None);
        using var second = await host.AcquireAsync(TinyModel.Id, CancellationToken.None);

        Assert.Same(first.Model, second.Model);
    }

    [Fact]
    public async Task Another_model_waits_until_nobody_uses_the_one_in_memory()
    {
        Directory.CreateSymbolicLink(Path.Combine(model.Folder, "other"), Path.Combine(model.Folder, TinyModel.Id));
        using var tensors = new TensorThread();
        using var host = NewHost(tensors);
        var first = await host.AcquireAsync(TinyModel.Id, CancellationToken.None);

        var other = host.AcquireAsync("other", CancellationToken.None);
        Assert.False(other.IsCompleted);
        first.Dispose();

        using var lease = await other.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal("other", lease.Model.Id);
        Directory.Delete(Path.Combine(model.Folder, "other"));
    }

    [Theory]
    [InlineData("unknown")]
    [InlineData("../tiny")]
    [InlineData("")]
    public async Task A_model_that_is_not_there_is_refused_and_others_go_on(string id)
    {
        using var tensors = new TensorThread();
        using var host = NewHost(tensors);

        await Assert.ThrowsAsync<CheckpointException>(() => host.AcquireAsync(id, CancellationToken.None));

        using var lease = await host.AcquireAsync(TinyModel.Id, CancellationToken.None);
        Assert.Equal(TinyModel.Id, lease.Model.Id);
    }

    private ModelHost NewHost(TensorThread tensors) => new(new WorkerOptions { ModelsPath = model.Folder }, tensors);
}
