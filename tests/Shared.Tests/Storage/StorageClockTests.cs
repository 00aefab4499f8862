using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Shared.Tests.Storage;

/// <summary>The time of an account is storage's, whatever the clock of the machine shows.</summary>
public sealed class StorageClockTests(StorageFixture fixture)
{
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1), s_hour = TimeSpan.FromHours(1);

    private readonly FakeTimeProvider _right = new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, 600, TimeSpan.Zero));

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_jump_of_the_machines_clock_changes_nothing(int hours)
    {
        var (account, machine) = Account();

        machine.Jump(s_hour * hours);
        Assert.Equal(_right.GetUtcNow(), account.Time.GetUtcNow());
        _right.Advance(s_hour);
        await CallAsync(account);

        Assert.Equal(_right.GetUtcNow(), account.Time.GetUtcNow());
        Assert.Equal(_right.GetTimestamp(), account.Time.GetTimestamp());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_machine_whose_clock_is_wrong_from_the_start_is_right_to_the_second_from_the_first_answer_on(int hours)
    {
        var (account, _) = Account(s_hour * hours);
        Assert.Equal(_right.GetUtcNow() + (s_hour * hours), account.Time.GetUtcNow());

        await CallAsync(account);

        Assert.InRange(account.Time.GetUtcNow() - _right.GetUtcNow(), -s_second, s_second);
        var before = account.Time.GetUtcNow();
        _right.Advance(s_second * 1.7);
        await CallAsync(account);
        Assert.InRange(account.Time.GetUtcNow() - before, s_second * 0.7, s_second * 2.7);
    }

    [Fact]
    public async Task A_clock_that_is_right_to_the_second_is_left_alone()
    {
        var (account, _) = Account(TimeSpan.FromSeconds(0.3));

        await CallAsync(account);

        Assert.Equal(_right.GetUtcNow() + TimeSpan.FromSeconds(0.3), account.Time.GetUtcNow());
    }

    [Fact]
    public async Task A_machine_that_slept_catches_up_with_the_next_answer()
    {
        var (account, machine) = Account();
        var asleep = new FakeTimeProvider(_right.GetUtcNow());     // its monotonic time does not advance
        var sleeper = new MachineClock(asleep);
        var transport = new FaultyTransport(Fault.None, 0) { Clock = machine };
        var slept = new StorageAccount(
            new StorageOptions { ConnectionString = fixture.NewConnectionString() }, client => client.Transport = transport, sleeper);
        _right.Advance(s_hour);
        Assert.Equal(account.Time.GetUtcNow() - s_hour, slept.Time.GetUtcNow());

        await CallAsync(slept);

        Assert.InRange(account.Time.GetUtcNow() - slept.Time.GetUtcNow(), TimeSpan.Zero, s_second);
    }

    private (StorageAccount Account, MachineClock Machine) Account(TimeSpan wrongBy = default)
    {
        var machine = new MachineClock(_right);
        machine.Jump(wrongBy);
        var transport = new FaultyTransport(Fault.None, 0) { Clock = machine };
        return (transport.Account(fixture.NewConnectionString(), _right, _ => { }), machine);
    }

    private static async Task CallAsync(StorageAccount account) =>
        await account.Container(StorageNames.FilesContainer).ExistsAsync();
}
