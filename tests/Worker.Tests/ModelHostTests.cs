using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Worker.Tests;

public sealed class ModelHostTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly ModelSource s_tiny = new(TinyModel.Id), s_other = new("other");

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-hosted-").FullName;
    private readonly FakeTimeProvider _time = new();
    private readonly TensorThread _tensors = new();
    private readonly ModelHost _host;

    public ModelHostTests(StorageFixture fixture, TinyModel model)
    {
        foreach (var source in new[] { s_tiny, s_other })
            Directory.CreateSymbolicLink(Path.Combine(_folder, source.Id), Path.Combine(model.Folder, TinyModel.Id));
        var storage = new StorageAccount(new StorageOptions { ConnectionString = fixture.NewConnectionString() });
        _host = TinyModel.NewHost(_folder, _tensors, storage, time: _time);
    }

    [Fact]
    public async Task Users_of_one_model_share_it()
    {
        using var first = await AcquireAsync(s_tiny);
        using var second = await AcquireAsync(s_tiny);

        Assert.Same(first.Model, second.Model);
    }

    [Fact]
    public async Task Another_model_waits_until_nobody_uses_the_one_in_memory()
    {
        var first = await AcquireAsync(s_tiny);
        var second = await AcquireAsync(s_tiny);

        var other = AcquireAsync(s_other);
        Assert.False(other.IsCompleted);
        first.Dispose();
        Assert.False(other.IsCompleted);
        second.Dispose();

        using var lease = await other.WaitAsync(s_limit);
        Assert.Equal("other", lease.Model.Id);
    }

    [Fact]
    public async Task Users_join_the_model_in_memory_for_a_while_only_once_another_one_is_waited_for()
    {
        var first = await AcquireAsync(s_tiny);
        var other = AcquireAsync(s_other);
        var early = await AcquireAsync(s_tiny).WaitAsync(s_limit);
        _time.Advance(ModelHost.Patience);
        var late = AcquireAsync(s_tiny);

        first.Dispose();
        early.Dispose();
        var lease = await other.WaitAsync(s_limit);
        Assert.False(late.IsCompleted);
        lease.Dispose();

        using var last = await late.WaitAsync(s_limit);
        Assert.Equal((s_other.Id, s_tiny.Id), (lease.Model.Id, last.Model.Id));
    }

    [Fact]
    public async Task All_who_wait_for_a_model_get_it_together_and_it_is_loaded_once()
    {
        var first = await AcquireAsync(s_tiny);
        var others = Enumerable.Range(0, 4).Select(_ => AcquireAsync(s_other)).ToArray();
        first.Dispose();

        var leases = await Task.WhenAll(others).WaitAsync(s_limit);

        Assert.Single(leases.Select(lease => lease.Model).Distinct());
        Assert.All(leases, lease => lease.Dispose());
    }

    [Fact]
    public async Task Who_wants_the_model_alone_waits_for_the_others_and_they_for_him()
    {
        var shared = await AcquireAsync(s_tiny);
        var alone = AcquireAsync(s_tiny, isExclusive: true);
        var joined = await AcquireAsync(s_tiny).WaitAsync(s_limit);
        shared.Dispose();
        Assert.False(alone.IsCompleted);
        joined.Dispose();

        var lease = await alone.WaitAsync(s_limit);
        Task<ModelLease>[] others = [AcquireAsync(s_tiny), AcquireAsync(s_tiny)];
        var nextAlone = AcquireAsync(s_tiny, isExclusive: true);
        Assert.DoesNotContain(others.Append(nextAlone), other => other.IsCompleted);
        lease.Dispose();

        var together = await Task.WhenAll(others).WaitAsync(s_limit);
        Assert.False(nextAlone.IsCompleted);
        Assert.All(together, other => other.Dispose());
        (await nextAlone.WaitAsync(s_limit)).Dispose();
    }

    [Fact]
    public async Task Who_stops_waiting_keeps_nobody_out()
    {
        var first = await AcquireAsync(s_tiny);
        using var stop = new CancellationTokenSource();
        var other = _host.AcquireAsync(s_other, isExclusive: false, stop.Token);
        _time.Advance(ModelHost.Patience);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => other);

        using var second = await AcquireAsync(s_tiny).WaitAsync(s_limit);
        first.Dispose();

        Assert.Same(first.Model, second.Model);
    }

    [Theory]
    [InlineData("unknown")]
    [InlineData("../tiny")]
    [InlineData("")]
    public async Task A_model_that_is_not_there_is_refused_and_others_go_on(string id)
    {
        await Assert.ThrowsAsync<CheckpointException>(() => AcquireAsync(new ModelSource(id)));

        using var lease = await AcquireAsync(s_tiny);
        Assert.Equal(TinyModel.Id, lease.Model.Id);
    }

    public void Dispose()
    {
        _host.Dispose();
        _tensors.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private Task<ModelLease> AcquireAsync(ModelSource source, bool isExclusive = false) =>
        _host.AcquireAsync(source, isExclusive, CancellationToken.None);
}
