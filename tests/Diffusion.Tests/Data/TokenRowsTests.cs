using LLaDA.Diffusion.Data;

namespace LLaDA.Diffusion.Tests.Data;

public sealed class TokenRowsTests
{
    [Fact]
    public void Every_epoch_visits_each_row_once_in_an_order_of_its_own()
    {
        int[][] rows = [.. Enumerable.Range(0, 30).Select(row => new[] { row, row + 1 })];
        var data = new TokenRows(rows, seed: 1);

        int[][] epochs = [.. Enumerable.Range(0, 2).Select(epoch => data.Batch(epoch, 30).Rows.Select(row => row[0]).ToArray())];

        Assert.All(epochs, epoch => Assert.Equal(Enumerable.Range(0, 30), epoch.Order()));
        Assert.NotEqual(epochs[0], epochs[1]);
        Assert.NotEqual(data.Fingerprint, new TokenRows(rows, seed: 2).Fingerprint);
        Assert.NotEqual(data.Fingerprint, new TokenRows(rows[1..], seed: 1).Fingerprint);
        Assert.Throws<ArgumentException>("rows", () => new TokenRows([[1], [1, 2]], seed: 1));
    }
}
