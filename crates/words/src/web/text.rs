use crate::Lang;

/// Makes [`Text`] and its table: a name, then Korean, then English.
macro_rules! texts {
    ($($name:ident: $ko:literal, $en:literal;)*) => {
        /// A label, a button, or a sentence with nothing to fill in.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Text {
            $(#[doc = $en] $name,)*
        }

        static TABLE: &[[&str; 2]] = &[$([$ko, $en],)*];

        #[cfg(test)]
        const ALL: &[Text] = &[$(Text::$name,)*];
    };
}

impl Text {
    /// The words.
    #[must_use]
    pub fn text(self, lang: Lang) -> &'static str {
        TABLE[self as usize][usize::from(lang == Lang::En)]
    }
}

texts! {
    // Everywhere.
    AppName: "품앗이", "Pumasi";
    Skip: "본문으로 건너뛰기", "Skip to the content";
    MainMenu: "주 메뉴", "Main menu";
    Actions: "할 수 있는 일", "What you can do";
    Home: "홈", "Home";
    Find: "찾기", "Find";
    Pay: "보내기", "Pay";
    Receive: "받기", "Receive";
    History: "내역", "History";
    MoreTitle: "더보기", "More";
    Back: "뒤로", "Back";
    Next: "다음", "Next";
    Close: "닫기", "Close";
    Cancel: "취소", "Cancel";
    Clear: "지우기", "Clear";
    Save: "저장", "Save";
    Share: "공유", "Share";
    Open: "열기", "Open";
    More: "더 보기", "Show more";
    Details: "자세히", "Details";
    Change: "바꾸기", "Change";
    Changed: "바꿨어요.", "Changed.";
    Copied: "복사했어요.", "Copied.";
    CopyFailed: "복사하지 못했어요. 직접 선택해서 복사해 주세요.", "It could not be copied. Select the text and copy it yourself.";
    NotSaved: "브라우저가 파일을 저장하지 못했어요.", "The browser could not save the file.";
    Loading: "불러오고 있어요…", "Loading…";
    OneMoment: "잠시만요…", "One moment…";
    TryAgain: "다시 하기", "Try again";
    Optional: "선택", "optional";
    LostTitle: "없는 화면이에요", "Nothing is here";
    LostText: "주소가 잘렸거나 바뀐 것 같아요.", "The address may have been cut off or changed.";
    ToHome: "홈으로", "To the start";

    // Before anything is open.
    WelcomeLead: "이웃과 주고받고, 둘 다 증거를 가져요.", "Trade with your neighbours, and both keep proof.";
    WelcomeFind: "가게를 찾아요", "Find a shop";
    WelcomeFindText: "‘식당’처럼 찾으면, 가게가 직접 서명한 정보만 보여 줘요.", "Search as in “restaurant”. You see only what the shops themselves have signed.";
    WelcomeDirect: "바로 연결돼요", "Connect directly";
    WelcomeDirectText: "중간에 아무도 없이, 암호화된 통로로 보내요.", "What you send goes straight to them, encrypted, with nobody between.";
    WelcomeProof: "영수증이 남아요", "Keep the proof";
    WelcomeProofText: "서로 서명한 기록이 내 원장에 쌓여요.", "What both have signed is kept in a ledger of your own.";
    WelcomeNoAccount: "가입도, 계정도 없어요. 열쇠는 이 브라우저에만 있어요.", "No sign-up and no account. The keys are in this browser only.";
    WelcomeBack: "다시 만나서 반가워요", "Welcome back";
    WhoOpens: "누구로 열까요?", "Who are you?";
    CreateIdentity: "새로 시작하기", "Start anew";
    CreateAnother: "다른 신원 만들기", "Another identity";
    CreateLead: "이름과 비밀번호만 정하면 돼요. 열쇠는 이 브라우저에서 만들고, 밖으로 나가지 않아요.", "A name and a password are enough. The keys are made in this browser and never leave it.";
    YourName: "이름", "Your name";
    YourNameHint: "내가 보낼 때 상대에게 보여요.", "Those whom you pay see it.";
    Password: "비밀번호", "Password";
    PasswordAgain: "비밀번호 한 번 더", "Password, once more";
    PasswordThen: "백업할 때의 비밀번호", "The password it had then";
    PasswordHint: "잊으면 아무도 되살릴 수 없어요. 긴 문장이 좋아요.", "Nobody can bring it back if you forget it. A long sentence is good.";
    PasswordShort: "짧은 비밀번호는 맞혀 보기 쉬워요. 열 글자가 넘으면 좋아요.", "A short password is easy to guess. More than ten characters are better.";
    PasswordsDiffer: "두 비밀번호가 달라요. 다시 입력해 주세요.", "The two passwords differ. Type them again.";
    ShowPassword: "비밀번호 보기", "Show the password";
    MakingKeys: "열쇠를 만들고 있어요. 몇 초 걸려요.", "Making keys. This takes a few seconds.";
    RestoreBackup: "백업으로 되살리기", "Restore a backup";
    RestoreLead: "백업 파일과 그때의 비밀번호로 열쇠, 원장, 연락처를 되살려요.", "Brings back keys, ledger and contacts from a backup and the password that it had.";
    BackupFile: "백업 파일", "Backup file";
    ChooseFile: "파일 고르기", "Choose a file";
    NoFile: "고른 파일이 없어요", "none chosen";
    Restored: "백업에서 되살렸어요.", "Restored from the backup.";

    // Home.
    Balance: "잔액", "Balance";
    Net: "주고받을 것을 합하면", "All in all";
    ToGet: "받을 것", "Owed to you";
    ToGive: "줄 것", "You owe";
    Even: "주고받을 것이 없어요", "You are even";
    UnderWay: "진행 중", "Under way";
    Recent: "최근", "Recent";
    SeeAll: "모두 보기", "See all";
    NothingYet: "아직 주고받은 것이 없어요", "Nothing has been paid yet";
    NothingYetText: "가까운 가게를 찾아 처음으로 보내 보세요.", "Find a shop nearby and make your first payment.";
    FindShop: "가게 찾기", "Find a shop";
    Decide: "확인하기", "Decide";
    BackupNever: "아직 백업이 없어요. 브라우저 데이터가 지워지면 열쇠와 원장이 사라져요.", "There is no backup yet. If the browser's data is cleared, your keys and your ledger are gone.";
    BackupUntried: "백업이 있지만, 열리는지 아직 확인하지 않았어요.", "You have a backup, and nobody has checked that it opens.";
    BackupNow: "지금 백업하기", "Back up now";
    BackupTry: "확인하기", "Check it";
    MayBeLost: "공간이 모자라면 브라우저가 이 데이터를 지울 수 있어요.", "The browser may clear this data when space runs out.";
    KeepIt: "지우지 않게 하기", "Ask it to keep it";
    KeptNow: "이제 브라우저가 마음대로 지우지 않아요.", "The browser keeps it from now on.";
    NotKept: "브라우저가 약속하지 않았어요. 백업을 꼭 만들어 주세요.", "The browser did not promise. Do make a backup.";
    IsKept: "브라우저가 이 데이터를 마음대로 지우지 않아요.", "The browser does not clear this data by itself.";
    KeptUnknown: "브라우저가 이 데이터를 지킬지 알려 주지 않아요. 백업을 꼭 만들어 주세요.", "The browser does not say whether it keeps this data. Do make a backup.";

    // Finding.
    FindTitle: "가게 찾기", "Find a shop";
    FindWhat: "무엇을 찾을까요?", "What are you looking for?";
    FindPlaceholder: "식당, 카페, 강남구…", "Restaurant, cafe, Gangnam…";
    FindHint: "디렉터리는 숨길 수는 있어도 속일 수는 없어요. 서명이 맞지 않는 것은 보여 주지 않고, 누가 그랬는지 알려 줘요.", "A directory can hide, never forge. What is not signed by the shop itself is not shown, and you are told who handed it over.";
    Categories: "많이 찾는 것", "Often looked for";
    CategoryRestaurant: "식당", "restaurant";
    CategoryCafe: "카페", "cafe";
    CategoryMarket: "시장", "market";
    CategoryHair: "미용실", "hair";
    CategoryBooks: "서점", "books";
    CategoryRepair: "수리", "repair";
    NothingFound: "찾은 것이 없어요", "Nothing was found";
    NothingFoundText: "다른 말로 찾거나, 가게에서 받은 링크로 보내 보세요.", "Try another word, or pay by a link that the shop gave you.";
    PayByLink: "링크로 보내기", "Pay by link";
    ForgedSignature: "서명이 맞지 않아요.", "the signature does not verify.";
    ForgedAltered: "서명한 내용과 다르게 보여 줬어요.", "what it shows differs from what was signed.";
    ForgedExpired: "기한이 지난 것을 줬어요.", "it is over its time.";
    ForgedMalformed: "형식이 맞지 않아요.", "it is not a listing.";

    // A shop.
    ShopTitle: "상대 정보", "Who it is";
    PayThem: "여기에 보내기", "Pay them";
    SafetyNumber: "안전 번호", "Safety number";
    SafetyText: "상대 화면의 번호와 같으면, 그 사람이 맞아요. 전화나 만나서 맞춰 보세요.", "If it is the same on their screen, it is them. Compare it by voice or in person.";
    ComparedIt: "맞춰 봤어요", "I have compared it";
    CompareNow: "안전 번호 맞춰 보기", "Compare the safety number";
    CompareTitle: "두 화면의 번호가 같은가요?", "Is it the same on both screens?";
    CompareText: "열두 묶음이 모두 같아야 해요.", "All twelve groups must be the same.";
    TheSame: "모두 같아요", "All the same";
    Different: "달라요", "They differ";
    MarkedVerified: "확인했다고 적었어요.", "Marked as verified.";
    NumbersDiffer: "번호가 다르면 그 사람이 아닐 수 있어요. 보내지 말고, 본인에게 DID를 다시 받아 주세요.", "If the numbers differ, it may be somebody else. Do not pay; ask them for their DID by another road.";
    TrustNew: "처음 봐요", "first seen";
    TrustFirstUse: "확인 안 함", "not verified";
    TrustPaired: "만나서 확인함", "verified in person";
    TrustCompared: "번호로 확인함", "verified by number";
    TrustChanged: "열쇠 바뀜", "keys changed";
    ProofTitle: "누가 보증하나요", "Who vouches for it";
    Profile: "프로필", "Profile";
    Endpoint: "연결 주소", "Endpoint";
    Gateways: "게이트웨이", "Gateways";
    GatewayAgreed: "같은 프로필", "same profile";
    GatewayMissing: "없다고 해요", "has none";
    GatewayForged: "가짜를 줬어요", "gave a forged one";
    GatewaySilent: "답이 없어요", "no answer";
    CopyDid: "DID 복사", "Copy the DID";

    // Paying.
    PaySteps: "보내는 순서", "Steps of paying";
    StepWho: "상대", "Who";
    StepAmount: "금액", "Amount";
    StepReview: "확인", "Review";
    StepResult: "결과", "Result";
    PayWhom: "누구에게 보낼까요?", "Whom do you pay?";
    PasteLink: "받은 링크나 DID", "A link or DID that you were given";
    Scan: "QR 찍기", "Scan a QR code";
    ScanHint: "QR 코드를 화면 가운데에 맞춰 주세요.", "Hold the QR code in the middle of the picture.";
    NoCamera: "카메라를 쓸 수 없어요. 링크를 붙여 넣어 주세요.", "The camera cannot be used. Paste the link instead.";
    Contacts: "아는 사람", "People you know";
    NobodyYet: "아직 아는 사람이 없어요", "You know nobody yet";
    NobodyYetText: "가게를 찾거나 받은 링크로 보내면 여기에 남아요.", "Find a shop or pay by link, and they will be here.";
    ReadingLink: "링크 확인", "Checking the link";
    HowMuch: "얼마를 보낼까요?", "How much?";
    Amount: "금액", "Amount";
    AmountAsked: "요청받은 금액이에요.", "This is the amount that was asked for.";
    AmountOwn: "다른 금액 보내기", "Pay another amount";
    Unit: "단위", "Unit";
    Memo: "메모", "Memo";
    MemoPlaceholder: "점심값", "Lunch";
    ReviewTitle: "이대로 보낼까요?", "Pay this?";
    WhatItIs: "성격", "What it is";
    APromise: "현금이 아니라, 갚겠다는 서명한 약속", "Your signed promise, not cash";
    RepeatSure: "한 번 더 보내는 것이 맞아요", "Yes, pay once more";
    SeeThat: "그 이체 보기", "See that payment";
    ConfirmText: "누르면 서명해서 원장에 적고, 연결되면 보내요. 두 번 눌러도 한 번만 보내요.", "Pressing signs it and writes it down; it leaves once you are connected. Pressed twice, it still pays once.";
    Signing: "서명하고 있어요…", "Signing…";

    // A payment.
    PaymentTitle: "이체", "Payment";
    To: "받는 사람", "To";
    From: "보낸 사람", "From";
    When: "때", "When";
    PaymentNumber: "이체 번호", "Number";
    CopyNumber: "이체 번호 복사", "Copy the number";
    Paid: "보냄", "paid";
    Got: "받음", "received";
    StateQueued: "보낼 준비가 됐어요", "Ready to leave";
    StateSent: "보냈어요", "Sent";
    StateReceived: "상대가 받았어요", "They have it";
    StateAsks: "결정을 기다려요", "Waits for you";
    StateExpired: "결과를 몰라요", "Outcome unknown";
    StateAccepted: "수락되었어요", "Accepted";
    StateSettled: "완료", "Settled";
    StateRefused: "받지 않았어요", "Refused";
    ExpiredUnknown: "기한이 지났는데 결과를 몰라요. 수락되었을 수도 있으니 다시 보내지 마세요. 연결되면 결과를 물어봐요.", "Its time is over, and what became of it is not known. It may have been accepted: do not pay again. The next connection asks.";
    BothSigned: "둘 다 서명했고, 두 원장이 같아요.", "Both have signed, and the two ledgers agree.";
    BothSignedBalance: "둘 다 서명한 잔액이에요", "Both have signed this balance";
    NotConnected: "아직 연결되지 않았어요. 곧 다시 시도해요.", "Not connected yet. It is tried again soon.";
    LinkDown: "연결이 끊겼어요. 적힌 것은 그대로이고, 이어서 해요.", "The link is down. What is written down stays and goes on.";
    SafeToLeave: "이 화면을 닫아도 돼요. 원장에 적혀 있어서, 다시 열면 이어서 보내요.", "You may leave this screen. It is in the ledger, and goes on when you open it again.";
    TryNow: "지금 다시 하기", "Try now";
    StepLookingUp: "상대의 프로필을 찾고 있어요…", "Looking up their profile…";
    StepGathering: "이 기기의 주소를 알아보고 있어요…", "Finding out the addresses of this device…";
    StepOfferingEndpoint: "상대의 주소로 연결 제안을 보내고 있어요…", "Handing an offer to their endpoint…";
    StepOfferingMailbox: "상대의 우편함에 연결 제안을 넣고 있어요…", "Leaving an offer in their mailbox…";
    StepWaiting: "상대의 답을 기다리고 있어요…", "Waiting for their answer…";
    StepChecking: "서로 닿는 길을 찾고 있어요…", "Trying ways to reach each other…";
    StepSecuring: "암호화된 통로를 만들고 있어요…", "Securing the channel…";
    StepProving: "상대가 맞는지 확인하고 있어요…", "Making sure that it is them…";
    Stages: "단계", "Stages";
    StageSigned: "서명해서 원장에 적음", "Signed and written down";
    StageSent: "보냄", "Sent";
    StageReceived: "상대가 받음", "They have it";
    StageAccepted: "상대가 수락하고 서명함", "Accepted and signed by them";
    StageSettled: "둘 다 서명함", "Signed by both";
    Done: "됨", "done";
    NotYet: "아직", "not yet";
    Take: "받기", "Take it";
    TurnDown: "받지 않기", "Turn it down";
    ReceiptTitle: "영수증", "Receipt";
    ReceiptText: "상대가 서명한 영수증이에요. 누구나 이 파일만으로 진짜인지 확인할 수 있어요.", "Signed by the other side. Anybody can check it with nothing but the file.";
    RefusalText: "거절했다는 상대의 서명이에요. 오간 것은 없어요.", "Their signed refusal. Nothing has changed hands.";
    NotSettledYet: "내 서명이 상대에게 닿으면 완료돼요.", "It is settled once your own signature has reached them.";

    // Receiving.
    ReceiveTitle: "받기", "Receive";
    ReceiveLead: "받을 금액을 적으면, 서명한 요청을 QR과 링크로 만들어요.", "Say how much, and you get a signed request as a QR code and a link.";
    MakeRequest: "요청 만들기", "Make the request";
    AskAnother: "다른 요청 만들기", "Another request";
    CopyLink: "링크 복사", "Copy the link";
    RequestText: "링크를 받은 사람이 누르면 이 금액이 채워진 채로 열려요. 한 번만 낼 수 있어요.", "Whoever opens the link sees this amount filled in. It can be paid once.";
    QrLabel: "요청의 QR 코드", "QR code of the request";
    QrTooLong: "길어서 QR 코드에 들어가지 않아요. 링크를 보내 주세요.", "It is too long for a QR code. Send the link.";
    MyDid: "내 DID", "My DID";
    Request: "요청", "Request";
    OpenRequests: "열려 있는 요청", "Open requests";

    // Contacts.
    CallThem: "부르는 이름", "What you call them";
    LimitForThem: "나에게 빚질 수 있는 한도", "How much they may owe you";
    Forget: "연락처에서 지우기", "Forget them";
    ForgetText: "주고받은 기록은 원장에 남아요. 다시 만나면 처음 보는 사람이 돼요.", "What was paid stays in the ledger. When you meet again they are new to you.";

    // The ledger.
    Ledger: "원장", "Ledger";
    AuditTitle: "원장 검사", "Audit";
    AuditText: "모든 기록과 서명, 영수증을 하나씩 확인해요. 바꾸는 것은 없어요.", "Checks every entry, every signature and every receipt. Nothing is changed.";
    AuditNow: "검사하기", "Audit now";
    Auditing: "검사하고 있어요…", "Checking…";
    ExportTitle: "내보내기", "Export";
    ExportText: "다른 프로그램에서 읽을 수 있게 원장을 파일로 저장해요.", "Saves the ledger as a file for other programs.";
    Format: "형식", "Format";
    FormatSealed: "암호화", "Encrypted";
    FilePassword: "파일의 비밀번호", "Password of the file";
    NotEncrypted: "암호화하지 않은 파일이에요. 누구나 읽을 수 있어요.", "This file is not encrypted. Anybody can read it.";
    ExportNow: "내보내기", "Export";

    // Backups.
    BackupTitle: "백업", "Backup";
    BackupLead: "브라우저는 금고가 아니에요. 백업 파일 하나에 열쇠, 원장, 연락처가 암호화되어 들어가요.", "A browser is no safe. One encrypted file holds your keys, your ledger and your contacts.";
    BackupStepSave: "1. 저장하기", "1. Save it";
    BackupStepSaveText: "다른 기기나 클라우드에 두세요. 비밀번호 없이는 열리지 않아요.", "Keep it on another device or in a cloud. Only your password opens it.";
    SaveBackup: "백업 저장", "Save a backup";
    BackupStepTry: "2. 열리는지 확인하기", "2. Check that it opens";
    BackupStepTryText: "저장한 파일을 골라 비밀번호로 열어 봐요. 메모리에서만 되살려 비교하고, 지금 것은 바꾸지 않아요.", "Choose the saved file and open it with your password. It is restored in memory only and compared; nothing here is changed.";
    TryBackup: "열어 보기", "Open it";

    // Settings.
    Appearance: "화면", "Appearance";
    Language: "언어", "Language";
    Theme: "테마", "Theme";
    ThemeSystem: "기기 설정", "System";
    ThemeLight: "밝게", "Light";
    ThemeDark: "어둡게", "Dark";
    Safety: "안전", "Safety";
    LockAfter: "쓰지 않으면 잠그기", "Lock when idle";
    LockNow: "지금 잠그기", "Lock now";
    Never: "안 함", "Never";
    Network: "네트워크", "Network";
    Directories: "디렉터리", "Directories";
    DirectoriesHint: "가게를 찾는 곳이에요. 한 줄에 하나씩 적어 주세요.", "Where shops are looked up. One address a line.";
    GatewaysHint: "프로필을 물어보는 곳이에요. 두 곳 이상이면 한 곳이 속여도 알 수 있어요.", "Who is asked for profiles. With two or more, one that lies is found out.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_both_languages_and_korean_has_hangul() {
        for text in ALL {
            let (ko, en) = (text.text(Lang::Ko), text.text(Lang::En));
            assert!(ko.chars().any(|c| ('가'..='힣').contains(&c)), "{text:?}: {ko}");
            assert!(!en.chars().any(|c| ('가'..='힣').contains(&c)), "{text:?}: {en}");
            assert!(!en.trim().is_empty() && ko.trim() == ko && en.trim() == en, "{text:?}");
        }
    }

    #[test]
    fn korean_sentences_are_in_one_politeness() {
        for text in ALL {
            let ko = text.text(Lang::Ko);
            for plain in ["니다.", "한다.", "이다.", "하십시오"] {
                assert!(!ko.contains(plain), "{text:?}: {ko}");
            }
        }
    }
}
