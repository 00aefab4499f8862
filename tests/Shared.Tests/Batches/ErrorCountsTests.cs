using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Shared.Tests.Batches;

public sealed class ErrorCountsTests
{
    [Fact]
    public void Sums_have_each_code_once_whatever_the_order()
    {
        var left = ErrorCounts.Of("no_gap", 2) + ErrorCounts.Of("batch_expired", 1);
        var right = ErrorCounts.Of("no_gap", 3) + default(ErrorCounts) + ErrorCounts.Of("none", 0);

        Assert.Equal("batch_expired=1 no_gap=5", (left + right).ToString());
        Assert.Equal(left + right, right + left);
        Assert.Equal(left, ErrorCounts.Parse(left.ToString()));
        Assert.Equal(default, ErrorCounts.Parse(null));
        Assert.Equal(2, left.ToDictionary()["no_gap"]);
    }

    [Theory]
    [InlineData("""{"response":{"body":{"error":{"code":"no_gap","type":"t"}}},"error":null}""", "no_gap")]
    [InlineData("""{"response":{"body":{"error":{"code":null,"type":"invalid_request_error"}}},"error":null}""", "invalid_request_error")]
    [InlineData("""{"response":null,"error":{"code":"batch_expired"}}""", "batch_expired")]
    [InlineData("""{"response":{"body":{"text":"a"}},"error":{"code":"document_not_written"}}""", "document_not_written")]
    [InlineData("""{"error":{"code":"a b=3"}}""", "unknown")]
    [InlineData("{}", "unknown")]
    public void The_code_of_a_line_is_that_of_its_error(string json, string code)
    {
        Assert.Equal($"{code}=1", ErrorCounts.Of([new PartLine(1, true, json), new PartLine(2, false, json)]).ToString());
    }
}
