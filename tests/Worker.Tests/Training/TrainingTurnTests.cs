using LLaDA.Batch.Worker.Training;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Worker.Tests.Training;

/// <summary>How long a training runs while those of other tenants wait.</summary>
public sealed class TrainingTurnTests
{
    private static readonly TimeSpan s_slice = TimeSpan.FromMinutes(3), s_patience = TimeSpan.FromSeconds(10);

    private readonly FakeTimeProvider _time = new();
    private readonly TrainingTimes _times = new(s_slice);

    [Fact]
    public void A_tenant_leads_by_what_was_trained_for_it()
    {
        _times.Add("long", TimeSpan.FromSeconds(50));
        _times.Add("short", TimeSpan.FromSeconds(20));

        Assert.Equal(TimeSpan.FromSeconds(31), _times.Lead("long", TimeSpan.FromSeconds(1), "short"));
        Assert.Equal(TimeSpan.FromSeconds(-30), _times.Lead("short", TimeSpan.Zero, "long"));
        Assert.Equal(TimeSpan.FromSeconds(55), _times.Lead("long", TimeSpan.FromSeconds(5), "new"));
    }

    [Fact]
    public void Who_had_nothing_to_train_is_a_slice_behind_at_most()
    {
        _times.Add("short", TimeSpan.FromSeconds(20));
        _times.Add("long", TimeSpan.FromHours(1));

        Assert.Equal(s_slice, _times.Lead("long", TimeSpan.Zero, "new"));
        Assert.Equal(s_slice, _times.Lead("long", TimeSpan.Zero, "short"));
        _times.Add("short", s_slice + TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.FromSeconds(-1), _times.Lead("long", TimeSpan.Zero, "short"));
    }

    /// <summary>Its start takes a second, so it lasts for four at least.</summary>
    [Theory]
    [InlineData(60, 0, 4)]
    [InlineData(60, 50, 10)]
    [InlineData(0, 0, 20)]
    [InlineData(0, 60, 80)]
    [InlineData(0, 3600, 180)]
    public async Task A_turn_is_over_when_its_tenant_leads_by_enough(int trained, int trainedForOther, int seconds)
    {
        _times.Add("long", TimeSpan.FromSeconds(trained));
        _times.Add("short", TimeSpan.FromSeconds(trainedForOther));
        await using var turn = Turn("long", "short");
        Advance(1);
        turn.Start();

        Advance(seconds - 2);
        Assert.False(await turn.IsOverAsync(CancellationToken.None));
        Advance(1);
        Assert.True(await turn.IsOverAsync(CancellationToken.None));
        Assert.True(SpinWait.SpinUntil(() => turn.Over.IsCancellationRequested, s_patience));
    }

    /// <summary>A start of a minute: no run is shorter than a slice.</summary>
    [Fact]
    public async Task A_slow_start_is_worth_a_slice()
    {
        _times.Add("long", TimeSpan.FromHours(1));
        await using var turn = Turn("long", "short");
        Advance(60);
        turn.Start();

        Advance(119);
        Assert.False(await turn.IsOverAsync(CancellationToken.None));
        Advance(1);
        Assert.True(await turn.IsOverAsync(CancellationToken.None));
    }

    [Theory]
    [InlineData("long")]
    [InlineData()]
    public async Task A_turn_goes_on_while_no_other_tenant_waits(params string[] waiting)
    {
        await using var turn = Turn("long", waiting);
        turn.Start();

        Advance(600);

        Assert.False(await turn.IsOverAsync(CancellationToken.None));
    }

    [Fact]
    public async Task The_time_of_a_turn_counts_once_it_has_ended()
    {
        await using (var turn = Turn("long"))
            Advance(30);

        Assert.Equal(TimeSpan.FromSeconds(30), _times.Lead("long", TimeSpan.Zero, "other"));
    }

    private TrainingTurn Turn(string tenant, params string[] waiting) => new(
        tenant, s_slice, _times, _ => Task.FromResult<IReadOnlySet<string>>(waiting.ToHashSet()), _time);

    private void Advance(int seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));
}
