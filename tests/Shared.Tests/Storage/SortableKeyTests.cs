using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Shared.Tests.Storage;

public sealed class SortableKeyTests
{
    [Fact]
    public void Later_keys_sort_before_earlier_ones()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        string earlier = SortableKey.Create(time);
        time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.True(string.CompareOrdinal(SortableKey.Create(time), earlier) < 0);
    }

    [Fact]
    public void Keys_of_the_same_moment_differ() =>
        Assert.Equal(1000, Enumerable.Range(0, 1000).Select(_ => SortableKey.Create(new FakeTimeProvider())).Distinct().Count());

    [Fact]
    public void The_key_of_an_id_is_what_follows_its_prefix()
    {
        string key = SortableKey.Create(TimeProvider.System);

        Assert.Equal(key, SortableKey.Parse("batch_" + key, "batch_"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("batch_")]
    [InlineData("file-7720b6845cceffba14408ff7481c")]
    [InlineData("batch_7720b6845cceffba14408ff7481")]
    [InlineData("batch_7720B6845CCEFFBA14408FF7481C")]
    [InlineData("batch_../7b6845cceffba14408ff7481")]
    public void What_cannot_be_an_id_has_no_key(string id) => Assert.Null(SortableKey.Parse(id, "batch_"));
}
