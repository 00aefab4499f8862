using CsCheck;
using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Shared.Tests.Batches;

public sealed class ShardAttemptsTests
{
    [Fact]
    public void Halving_finds_the_lines_that_fail_and_no_others_in_few_attempts() =>
        Gen.Select(Gen.Int[1, 600], Gen.Int[0, 599].HashSet[0, 4]).Sample((numLines, lines) =>
        {
            HashSet<int> poison = [.. lines.Where(line => line < numLines)];
            List<int> done = [], givenUp = [];
            int failed = 0;
            var attempts = ShardAttempts.Of(numLines);
            while (attempts.Current is { } group)
            {
                int[] inTurn = [.. Enumerable.Range(group.First, group.Count)];
                if (group.Failures < ShardAttempts.MaxFailures)
                {
                    attempts = attempts.Begin();
                    if (inTurn.Any(poison.Contains))
                    {
                        failed++;
                        continue;
                    }
                    done.AddRange(inTurn);
                    attempts = attempts.End();
                }
                else if (group.Count > 1)
                {
                    attempts = attempts.Halve();
                }
                else
                {
                    givenUp.AddRange(inTurn);
                    attempts = attempts.End();
                }
            }

            Assert.Equal(poison.Order(), givenUp.Order());
            Assert.Equal(Enumerable.Range(0, numLines), done.Concat(givenUp).Order());
            Assert.True(failed <= poison.Count * 2 * (Math.Ceiling(Math.Log2(numLines)) + 1));
        });

    [Fact]
    public void A_reason_is_kept_until_the_next_attempt()
    {
        var failed = ShardAttempts.Of(2).Begin().Explain("because");

        Assert.Equal(("because", 1), (failed.Current!.Reason, failed.Current.Failures));
        Assert.Null(failed.Begin().Current!.Reason);
    }
}
