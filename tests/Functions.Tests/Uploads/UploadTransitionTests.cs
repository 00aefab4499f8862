using LLaDA.Batch.Functions.Uploads;
using static LLaDA.Batch.Functions.Uploads.UploadState;

namespace LLaDA.Batch.Functions.Tests.Uploads;

/// <summary>The whole state diagram of an upload: every state with every transition, before and after its time.</summary>
public sealed class UploadTransitionTests
{
    private const string Parts = "parts";

    private static readonly DateTimeOffset s_end = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly DateTimeOffset s_inTime = s_end - TimeSpan.FromSeconds(1);

    /// <summary>By transition: the state after it, for each state in which it holds.</summary>
    private static readonly (string Name, Func<UploadRecord, bool> Apply, (UploadState From, UploadState To)[] Holds)[] s_table =
    [
        ("begin completion", upload => upload.TryBeginCompletion(Parts, s_inTime),
            [(Pending, Completing), (Completing, Completing)]),
        ("begin completion with other parts", upload => upload.TryBeginCompletion("others", s_inTime), [(Pending, Completing)]),
        ("begin completion late", upload => upload.TryBeginCompletion(Parts, s_end), [(Completing, Completing)]),
        ("complete", upload => upload.TryComplete(), [(Completing, Completed)]),
        ("refuse", upload => upload.TryRefuse(), [(Completing, Cancelled)]),
        ("cancel", upload => upload.TryCancel(), [(Pending, Cancelled)]),
    ];

    public static TheoryData<string, UploadState> Cells =>
        [.. from row in s_table from state in Enum.GetValues<UploadState>() select (row.Name, state)];

    [Theory]
    [MemberData(nameof(Cells))]
    public void A_transition_holds_as_the_table_has_it_and_changes_nothing_elsewhere(string name, UploadState state)
    {
        var (_, apply, holds) = s_table.Single(row => row.Name == name);
        UploadState[] to = [.. holds.Where(edge => edge.From == state).Select(edge => edge.To)];
        var (upload, before) = (NewUpload(state), NewUpload(state));

        Assert.Equal(to.Length == 1, apply(upload));
        Assert.Equal(to.SingleOrDefault(state), upload.State);
        if (to.Length == 0)
            Assert.Equivalent(before, upload, strict: true);
        Assert.False(to.Length == 1 && state is Completed or Cancelled, "an ended upload never changes");
    }

    [Fact]
    public void Only_a_pending_upload_expires()
    {
        Assert.Equal([Pending], Enum.GetValues<UploadState>().Where(state => NewUpload(state).IsExpired(s_end)));
        Assert.False(NewUpload(Pending).IsExpired(s_inTime));
    }

    private static UploadRecord NewUpload(UploadState state) =>
        new() { State = state, ExpiresAt = s_end, PartsHash = state is Pending ? null : Parts };
}
