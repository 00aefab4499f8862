using CsCheck;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Tests.Text;

namespace LLaDA.Diffusion.Tests.Data;

public sealed class TokenSequencesTests
{
    [Fact]
    public void Every_epoch_visits_each_sequence_once_at_cuts_of_its_own() =>
        Gen.Select(Gen.Int[1, 20], Gen.Int[2, 30], Gen.Int[0, 19], Gen.Long, Gen.Int[0, 5]).Sample((length, count, further, seed, epoch) =>
        {
            int numTokens = (length * count) + (further % length);
            var sequences = new TokenSequences([.. Enumerable.Range(0, numTokens)], length, seed);

            int[][] rows =
                [.. Enumerable.Range(epoch * sequences.NumRows, sequences.NumRows).Select(step => sequences.Batch(step, 1).Rows.Single())];

            Assert.Equal(count - 1, sequences.NumRows);
            Assert.All(rows, row => Assert.Equal(Enumerable.Range(row[0], length), row));
            Assert.Single(rows.Select(row => row[0] % length).Distinct());
            Assert.Equal(rows.Length, rows.Select(row => row[0]).Distinct().Count());
        });

    [Fact]
    public void Batches_hold_the_same_sequences_in_the_same_order_whatever_their_size() =>
        Gen.Select(Gen.Int[1, 7], Gen.Long).Sample((batchSize, seed) =>
        {
            var sequences = new TokenSequences([.. Enumerable.Range(0, 60)], 5, seed);

            var batched = Enumerable.Range(0, 30).SelectMany(step => sequences.Batch(step, batchSize).Rows).ToList();
            var single = Enumerable.Range(0, 30 * batchSize).Select(step => sequences.Batch(step, 1).Rows.Single());

            Assert.Equal(single, batched);
        });

    [Fact]
    public void Step_alone_says_what_its_batch_holds()
    {
        int[] tokens = [.. Enumerable.Range(0, 200)];
        var (forward, backward) = (new TokenSequences(tokens, 8, seed: 3), new TokenSequences(tokens, 8, seed: 3));

        var later = Enumerable.Range(0, 40).Reverse().Select(step => backward.Batch(step, 4).Rows).Reverse().ToList();

        Assert.Equal(later, Enumerable.Range(0, 40).Select(step => forward.Batch(step, 4).Rows));
        Assert.NotEqual(forward.Batch(0, 4).Rows, new TokenSequences(tokens, 8, seed: 4).Batch(0, 4).Rows);
    }

    [Fact]
    public void Epochs_differ_in_order_and_cuts()
    {
        var sequences = new TokenSequences([.. Enumerable.Range(0, 1000)], 10, seed: 1);

        int[][] starts = [.. Enumerable.Range(0, 3).Select(epoch =>
            Enumerable.Range(epoch * 99, 99).Select(step => sequences.Batch(step, 1).Rows[0][0]).ToArray())];

        Assert.Equal(3, starts.Select(epoch => string.Join(' ', epoch)).Distinct().Count());
        Assert.True(starts.Select(epoch => epoch[0] % 10).Distinct().Count() > 1);
        Assert.All(starts, epoch => Assert.NotEqual(epoch.Order(), epoch));
    }

    [Fact]
    public void Every_order_is_equally_likely()
    {
        const int epochs = 2400, permutations = 24;
        var sequences = new TokenSequences([0, 1, 2, 3, 4], length: 1, seed: 2);

        var orders = Enumerable.Range(0, epochs).GroupBy(
            epoch => string.Concat(sequences.Batch(epoch, 4).Rows.Select(row => row.Single()))).Select(order => order.Count()).ToList();

        Assert.Equal(permutations, orders.Count);
        // 99.9 % quantile of chi square with 23 degrees of freedom.
        Assert.InRange(orders.Sum(count => Math.Pow(count - (epochs / permutations), 2) / (epochs / permutations)), 0, 49.7);
    }

    [Fact]
    public void Documents_are_packed_between_their_ends()
    {
        var tokenizer = TinyTokenizer.Instance;

        Assert.Equal(
            [
                tokenizer.BeginningOfTextId, .. tokenizer.Encode("the word"), tokenizer.EndOfTextId,
                tokenizer.BeginningOfTextId, tokenizer.EndOfTextId,
            ],
            TokenFile.Encode(tokenizer, ["the word", ""]));
    }

    [Fact]
    public void Too_few_tokens_are_refused() =>
        Assert.Throws<ArgumentException>("tokens", () => new TokenSequences(new int[19], 10, seed: 1));
}
